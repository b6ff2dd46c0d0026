// SPDX-License-Identifier: Apache-2.0
// Trades a token, typed or in the address behind '#', for a session that no script can read.
import { useEffect, useRef, useState } from 'react';
import { ApiProblem } from '@gpuvigil/client';
import { server } from '../base/server';
import { Command } from '../parts/value';

const REFUSALS: Record<number, string> = {
  401: 'This token is unknown or has expired.',
  403: 'This token may not log in.',
  429: 'Too many tries. Wait a moment.',
};

/** Where to go when one is in: a page of this server and nothing else. */
export function nextPage(query: URLSearchParams): string {
  const next = query.get('next') ?? '/';
  return /^\/(?![/\\])/.test(next) && !next.startsWith('/login') ? next : '/';
}

export function Login(): React.JSX.Element {
  const [message, setMessage] = useState('');
  const [busy, setBusy] = useState(false);
  const field = useRef<HTMLInputElement>(null);

  const logIn = async (token: string): Promise<void> => {
    setBusy(true);
    setMessage('');
    try {
      await server.openSession(token);
      location.replace(nextPage(new URLSearchParams(location.search)));
      return;
    } catch (error) {
      setMessage(!(error instanceof ApiProblem) ? 'The server does not answer.'
        : REFUSALS[error.status] ?? `The server refused: ${error.message}`);
    }
    setBusy(false);
    field.current?.select();
  };
  useEffect(() => {
    document.title = 'Log in to gpuvigil';
    const fromAddress = (): void => {
      const given = new URLSearchParams(location.hash.slice(1)).get('token');
      if (!given) return;
      history.replaceState(null, '', location.pathname + location.search); // not kept anywhere
      void logIn(given);
    };
    fromAddress();
    addEventListener('hashchange', fromAddress); // pasted where this page is open already
    return () => removeEventListener('hashchange', fromAddress);
  }, []);
  return (
    <main className="login">
      <h1>Log in to gpuvigil</h1>
      <p className="soft">This server wants a token. Make one on its machine:</p>
      <Command text="gpuvigil token create --scope read" />
      <form onSubmit={(event) => {
        event.preventDefault();
        void logIn(field.current!.value.trim());
      }}>
        <label htmlFor="token">Token</label>
        <input id="token" ref={field} type="password" autoComplete="current-password"
          spellCheck={false} required />
        <button id="button" type="submit" className="primary" disabled={busy}>Log in</button>
      </form>
      <p id="message" className="refusal" role="alert">{message}</p>
    </main>
  );
}
