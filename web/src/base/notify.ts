// SPDX-License-Identifier: Apache-2.0
// Notifications of the desktop: off until somebody asks for them.
const KEY = 'gpuvigil.notify';

export const canNotify = (): boolean => typeof Notification !== 'undefined' && isSecureContext;

export function notifies(): boolean {
  try {
    return canNotify() && Notification.permission === 'granted' && localStorage.getItem(KEY) === 'on';
  } catch {
    return false; // storage may be off
  }
}

/** Switches them; gives whether they are on now. The browser may ask, and may say no. */
export async function switchNotify(on: boolean): Promise<boolean> {
  if (on && canNotify() && await Notification.requestPermission() !== 'granted') return false;
  try {
    localStorage.setItem(KEY, on ? 'on' : 'off');
  } catch {
    return false;
  }
  return notifies();
}

/** One a `tag`: a newer one takes the place of the one before. */
export function notify(title: string, body: string, tag: string): void {
  if (!notifies()) return;
  const shown = new Notification(title, { body, tag });
  shown.onclick = () => {
    focus();
    shown.close();
  };
}
