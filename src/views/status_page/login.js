// SPDX-License-Identifier: Apache-2.0
// Trades a token, typed or in the address behind '#', for a session cookie that no script can read.
'use strict';

(() => {
  const byId = (id) => document.getElementById(id);
  const REFUSALS = {
    401: 'This token is unknown or has expired.',
    403: 'This token may not log in.',
    429: 'Too many tries. Wait a moment.',
  };

  async function logIn(token) {
    byId('button').disabled = true;
    byId('message').textContent = '';
    let status = 0;
    try {
      const response = await fetch('/api/v1/session',
          {method: 'POST', headers: {Authorization: `Bearer ${token}`}});
      status = response.status;
    } catch {
      status = 0;  // said below
    }
    byId('button').disabled = false;
    if (status === 200) {
      location.replace('/');
      return;
    }
    byId('message').textContent = REFUSALS[status] ||
        (status === 0 ? 'The server does not answer.' : `The server refused (${status}).`);
    byId('token').select();
  }

  byId('form').addEventListener('submit', (event) => {
    event.preventDefault();
    logIn(byId('token').value.trim());
  });

  function logInFromAddress() {
    const given = new URLSearchParams(location.hash.slice(1)).get('token');
    if (!given) return;
    history.replaceState(null, '', location.pathname);  // out of the address and the history
    logIn(given);
  }
  addEventListener('hashchange', logInFromAddress);  // pasted where this page is open already
  logInFromAddress();
})();
