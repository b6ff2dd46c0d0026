// SPDX-License-Identifier: Apache-2.0
// Names of kernels are long and come from strangers: shortened in the middle, only ever as text.

const MOST = 220;
const WHOLE = 28;
const TAIL = 12;
const INVISIBLE = /[\u0000-\u001f\u007f-\u009f\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff]/g;

/** The name with what cannot be seen, or turns the line around, shown as what it is. */
export const visible = (name: string): string =>
  name.replace(INVISIBLE, (c) => `\\u${c.charCodeAt(0).toString(16).padStart(4, '0')}`);

/** At most so many characters, the end kept: what differs often stands there. */
export function middle(name: string, most = MOST): string {
  const text = visible(name);
  if (text.length <= most) return text;
  const tail = Math.floor(most / 3);
  return `${text.slice(0, most - tail - 1)}…${text.slice(-tail)}`;
}

const LIBRARIES: readonly [RegExp, string][] = [
  [/^nccl/i, 'NCCL'], [/^rccl/i, 'RCCL'], [/flash_?(fwd|bwd|attn)|pytorch_flash/i, 'flash-attn'],
  [/cutlass/i, 'CUTLASS'], [/cudnn/i, 'cuDNN'], [/^Cijk_/, 'Tensile'],
  [/xmma_gemm|_s\d+gemm|_sgemm|cublas|s16816gemm|gemv|splitK/i, 'cuBLAS'], [/^triton_/i, 'Triton'],
  [/\bat::native\b/, 'PyTorch'], [/\bcub::/, 'CUB'], [/\bthrust::/, 'Thrust'],
];

/** The library that a name speaks for; null where it says nothing. */
export const library = (name: string): string | null =>
  LIBRARIES.find(([pattern]) => pattern.test(name))?.[1] ?? null;

export function KernelName({ name, short }: { name: string; short: string }): React.JSX.Element {
  const tag = library(name);
  const text = middle(short === '' ? name : short, MOST);
  // The end stays where there is no room for all: what differs often stands there.
  const cut = text.length > WHOLE ? text.length - TAIL : text.length;
  const [start, end] = [text.slice(0, cut), text.slice(cut)];
  return (
    <span className="kernel-name" title={visible(name).slice(0, 2000)}>
      <span className="name"><span className="start">{start}</span>{end !== '' && <span>{end}</span>}
      </span>
      {tag !== null && <span className="tag">{tag}</span>}
    </span>
  );
}
