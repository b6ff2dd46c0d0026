// SPDX-License-Identifier: Apache-2.0
// The plain status page: live numbers from the stream, the rest from the API every two seconds.
// Text from the server only ever becomes textContent.
'use strict';

(() => {
  const API = '/api/v1/gpu';
  const POLL_MS = 2000;
  const HISTORY = 60;  // points of a sparkline
  const RETRY_FIRST_MS = 500;
  const RETRY_MOST_MS = 10000;
  const HEALTH_MARKS = {ok: '●', degraded: '▲', failed: '✖', lost: '✖'};

  const byId = (id) => document.getElementById(id);

  /** An element with a class and a text, and children. */
  function make(tag, className, text, ...children) {
    const element = document.createElement(tag);
    if (className) element.className = className;
    if (text !== undefined && text !== null) element.textContent = text;
    element.append(...children);
    return element;
  }

  function setText(element, text) {
    if (element.textContent !== text) element.textContent = text;
  }

  // ---- numbers as people read them

  const isNumber = (value) => typeof value === 'number' && Number.isFinite(value);
  const percent = (value) => `${value.toFixed(1)}%`;
  const memory = (mb) => (mb < 10240 ? `${mb.toFixed(0)} MiB` : `${(mb / 1024).toFixed(1)} GiB`);
  /** "40.6 of 79.6 GiB"; without a total just what is used. */
  function memoryOf(used, total) {
    if (!isNumber(total)) return memory(used);
    if (used < 10240 || total < 10240) return `${memory(used)} of ${memory(total)}`;
    return `${(used / 1024).toFixed(1)} of ${memory(total)}`;
  }
  const count = (value) => value.toLocaleString('en-US');

  function time(ms) {
    const digits = (value) => value.toPrecision(3);
    if (ms < 0.001) return `${Math.round(ms * 1e6)} ns`;
    if (ms < 0.9995) return `${Number(digits(ms * 1e3))} µs`;
    if (ms < 999.5) return `${Number(digits(ms))} ms`;
    if (ms < 99950) return `${Number(digits(ms / 1000))} s`;
    return span(ms / 1000);
  }

  function span(seconds) {
    const s = Math.floor(seconds);
    if (s < 60) return `${s} s`;
    if (s < 3600) return `${Math.floor(s / 60)} min ${s % 60} s`;
    if (s < 86400) return `${Math.floor(s / 3600)} h ${Math.floor(s / 60) % 60} min`;
    return `${Math.floor(s / 86400)} d ${Math.floor(s / 3600) % 24} h`;
  }

  /** Shows a number, or a dash that says why there is none. */
  function show(element, value, format, reason) {
    const known = isNumber(value);
    setText(element, known ? format(value) : '-');
    element.classList.toggle('absent', !known);
    if (known) {
      element.removeAttribute('title');
    } else {
      element.title = `not known: ${reason || 'no value'}`;
    }
  }

  // ---- is what we show from now?

  const link = {
    socket: null, open: false, retryMs: RETRY_FIRST_MS, answers: true, refused: '',
    seq: null, changedAt: null, periodMs: 1000,
  };

  /** A frame was seen: a new one proves that the numbers move. */
  function noteFrame(seq) {
    if (seq === link.seq) return;
    const now = performance.now();
    if (link.changedAt !== null && seq > link.seq) {
      const period = (now - link.changedAt) / Math.max(1, seq - link.seq);
      link.periodMs = 0.8 * link.periodMs + 0.2 * Math.min(period, 15000);
    }
    link.seq = seq;
    link.changedAt = now;
  }

  function connectionState() {
    if (link.refused) return ['offline', '✖', link.refused];
    const age = link.changedAt === null ? null : performance.now() - link.changedAt;
    const ageText = age === null ? '' : `, data ${span(age / 1000)} old`;
    if (!link.open && !link.answers) return ['offline', '✖', `Offline, retrying${ageText}`];
    if (age === null) return ['connecting', '?', 'Connecting'];
    if (age > Math.max(3000, 3 * link.periodMs)) return ['stale', '▲', `Stale ${span(age / 1000)}`];
    return ['live', '●', link.open ? 'Live' : 'Live, polling'];
  }

  function showConnection() {
    const [state, mark, text] = connectionState();
    document.body.dataset.state = state;
    setText(byId('pill-mark'), mark);
    setText(byId('pill-text'), text);
  }

  // ---- GPUs

  const cards = new Map();  // by UUID

  function makeMeter(label, second) {
    const value = make('span', 'value', '-');
    const fill = make('div', second ? 'fill second' : 'fill');
    const row = make('div', 'row', null, make('span', 'soft', label), value);
    return {root: make('div', 'meter', null, row, make('div', 'track', null, fill)), value, fill};
  }

  function makeCard() {
    const card = {history: [], facts: {}};
    card.title = make('h3');
    card.health = make('span', 'mark');
    card.source = make('span');
    card.processes = make('span');
    card.utilization = makeMeter('Utilization', false);
    card.memory = makeMeter('Memory', true);
    card.spark = byId('spark').content.firstElementChild.cloneNode(true);
    card.spark.setAttribute('viewBox', `0 0 ${HISTORY - 1} 100`);
    card.line = card.spark.firstElementChild;
    const facts = make('dl', 'facts');
    for (const label of ['Power', 'Temp.', 'SM clock', 'Mem. clock']) {
      const value = make('dd', '', '-');
      card.facts[label] = value;
      facts.append(make('div', '', null, make('dt', '', label), value));
    }
    card.chips = make('ul', 'chips');
    card.root = make('article', 'card', null, make('div', 'top', null, card.title, card.health),
        make('div', 'sub', null, card.source, card.processes), card.utilization.root, card.spark,
        card.memory.root, facts, card.chips);
    return card;
  }

  function showMeter(meter, value, format, share, reason) {
    show(meter.value, value, format, reason);
    meter.fill.style.width = `${isNumber(share) ? Math.min(Math.max(share, 0), 100) : 0}%`;
  }

  function remember(card, value) {
    card.history.push(isNumber(value) ? value : null);
    if (card.history.length > HISTORY) card.history.shift();
  }

  function drawHistory(card) {
    const offset = HISTORY - card.history.length;
    // A gap is a gap: the pen is lifted where nothing was measured.
    let down = false;
    let path = '';
    card.history.forEach((value, i) => {
      if (value !== null) path += `${down ? 'L' : 'M'}${offset + i} ${(98 - 0.96 * value).toFixed(1)}`;
      down = value !== null;
    });
    card.line.setAttribute('d', path);
    const known = card.history.filter((value) => value !== null);
    card.spark.setAttribute('aria-label', known.length === 0 ? 'utilization not known' :
        `utilization of the last ${known.length} messages: ` +
        `${Math.min(...known).toFixed(0)} to ${Math.max(...known).toFixed(0)} percent`);
  }

  function showCard(card, device) {
    const reasons = device.reasons || {};
    const inMemory = device.memory || {};
    setText(card.title, `GPU ${device.index}${device.name ? `  ${device.name}` : ''}`);
    card.title.title = device.uuid;
    const health = String(device.health);
    card.health.className = 'mark';
    if (health in HEALTH_MARKS) card.health.classList.add(health);
    setText(card.health, `${HEALTH_MARKS[health] || '?'} ${health}`);
    setText(card.source, `source: ${device.source}`);
    const many = device.processes === 1 ? 'process' : 'processes';
    setText(card.processes, isNumber(device.processes) ? `${device.processes} ${many}` : '');
    showMeter(card.utilization, device.gpu_utilization, percent, device.gpu_utilization,
        reasons.gpu_utilization);
    showMeter(card.memory, inMemory.used_mb, (mb) => memoryOf(mb, inMemory.total_mb),
        inMemory.percent, (inMemory.reasons || {}).used_mb);
    const limit = isNumber(device.power_limit_watts) ? `/${device.power_limit_watts.toFixed(0)}` : '';
    show(card.facts.Power, device.power_watts, (w) => `${w.toFixed(0)}${limit} W`,
        reasons.power_watts);
    show(card.facts['Temp.'], device.temperature_celsius, (c) => `${c.toFixed(0)} °C`,
        reasons.temperature_celsius);
    show(card.facts['SM clock'], device.sm_clock_mhz, (m) => `${m} MHz`, reasons.sm_clock_mhz);
    show(card.facts['Mem. clock'], device.memory_clock_mhz, (m) => `${m} MHz`,
        reasons.memory_clock_mhz);
    const throttled = device.throttle_reasons || [];
    card.chips.replaceChildren(...throttled.map((reason) =>
        make('li', reason === 'gpu_idle' ? 'calm' : '', String(reason).replaceAll('_', ' '))));
  }

  function showDevices(status) {
    const seen = new Set();
    const order = [];
    for (const device of status.devices) {
      seen.add(device.uuid);
      let card = cards.get(device.uuid);
      if (!card) cards.set(device.uuid, card = makeCard());
      card.index = device.index;
      showCard(card, device);
      order.push(card.root);
    }
    for (const uuid of [...cards.keys()]) if (!seen.has(uuid)) cards.delete(uuid);
    const list = byId('gpus');
    if (order.length !== list.children.length || order.some((e, i) => e !== list.children[i])) {
      list.replaceChildren(...order);
    }
    const empty = byId('gpus-empty');
    empty.hidden = order.length > 0;
    setText(empty, status.reason || 'No GPU is known.');
    byId('demo').hidden = !status.devices.some((device) => device.source === 'demo');
    byId('replay').hidden = !status.devices.some((device) => device.source === 'replay');
  }

  function showTotals(status) {
    const reasons = status.reasons || {};
    const inMemory = status.memory || {};
    show(byId('all-utilization'), status.gpu_utilization, percent,
        reasons.gpu_utilization || status.reason);
    show(byId('all-memory'), inMemory.used_mb, (mb) => memoryOf(mb, inMemory.total_mb),
        (inMemory.reasons || {}).used_mb);
    const watts = status.devices.map((device) => device.power_watts).filter(isNumber);
    show(byId('all-power'), watts.length ? watts.reduce((a, b) => a + b, 0) : null,
        (w) => `${w.toFixed(0)} W`, 'no GPU tells it');
    const healthy = status.devices.filter((device) => device.health === 'ok').length;
    setText(byId('all-health'), `${healthy} of ${status.devices.length}`);
    setText(byId('clock'), `${String(status.timestamp).slice(0, 19).replace('T', ' ')} UTC, up ` +
        `${span(status.uptime_seconds)}`);
  }

  /** A message of the stream: the numbers that move every second. */
  function showMetrics(message) {
    noteFrame(message.seq);
    const byIndex = new Map();
    for (const card of cards.values()) byIndex.set(card.index, card);
    for (const device of message.devices) {
      const card = byIndex.get(device.index);
      if (!card) continue;
      remember(card, device.gpu_utilization);
      if (document.hidden) continue;
      if (isNumber(device.gpu_utilization)) {
        showMeter(card.utilization, device.gpu_utilization, percent, device.gpu_utilization);
      }
      if (isNumber(device.temperature_celsius)) {
        show(card.facts['Temp.'], device.temperature_celsius, (c) => `${c.toFixed(0)} °C`);
      }
      drawHistory(card);
    }
    if (isNumber(message.gpu_utilization)) {
      show(byId('all-utilization'), message.gpu_utilization, percent);
    }
  }

  // ---- alerts and kernels

  function showAlerts(answer) {
    setText(byId('all-alerts'), count(answer.active_alerts));
    byId('alerts-empty').hidden = answer.alerts.length > 0;
    byId('alerts').replaceChildren(...answer.alerts.map((alert) => {
      const critical = alert.severity === 'critical';
      const since = `since ${String(alert.timestamp).slice(0, 19).replace('T', ' ')} UTC`;
      return make('li', critical ? 'critical' : '', null,
          make('span', 'severity', `${critical ? '✖' : '▲'} ${alert.severity}`),
          make('span', 'message', alert.message), make('span', 'soft', since));
    }));
  }

  function kernelRow(kernel) {
    const name = make('th', 'name', kernel.short_name);
    name.scope = 'row';
    name.title = kernel.name;
    const fill = make('div', 'fill');
    fill.style.width = `${Math.min(Math.max(kernel.share_percent, 0), 100)}%`;
    const share = make('td', 'share', null, make('span', '', percent(kernel.share_percent)),
        make('div', 'track', null, fill));
    const cell = (value, format, className) => {
      const td = make('td', className || '');
      show(td, value, format, 'no calls');
      return td;
    };
    return make('tr', '', null, name, share, cell(kernel.total_time_ms, time),
        cell(kernel.total_calls, count, 'wide'), cell(kernel.avg_time_ms, time, 'wide'),
        cell(kernel.p50_time_ms, time, 'wide'), cell(kernel.p99_time_ms, time),
        cell(kernel.max_time_ms, time, 'wide'),
        make('td', 'wide text', kernel.devices.join(', ')));
  }

  function showKernels(answer) {
    const rows = answer.kernels;
    byId('kernels-empty').hidden = rows.length > 0;
    byId('kernels-scroll').hidden = rows.length === 0;
    byId('kernels').replaceChildren(...rows.map(kernelRow));
    const lost = answer.dropped_executions > 0 ?
        `, ${count(answer.dropped_executions)} executions lost` : '';
    setText(byId('kernels-note'), rows.length === 0 ? '' :
        `${rows.length} of ${count(answer.total_kernels)} kernels${lost}`);
  }

  // ---- the two ways of asking

  async function ask(path) {
    const response = await fetch(API + path, {cache: 'no-store', credentials: 'same-origin'});
    if (response.status === 401 || response.status === 403) {
      link.refused = 'Not allowed: this server wants a token';
      if (response.status === 401) location.replace('/login');
    }
    if (!response.ok) throw new Error(`${path}: ${response.status}`);
    link.refused = '';
    return response.json();
  }

  const refreshAlerts = async () => showAlerts(await ask('/alerts?limit=20'));

  async function refresh() {
    try {
      const status = await ask('/status');
      link.answers = true;
      noteFrame(status.seq);
      showTotals(status);
      showDevices(status);
      showKernels(await ask('/kernels?sort_by=total_time&limit=15'));
      await refreshAlerts();
    } catch {
      link.answers = false;  // the pill says it; the next round asks again
    }
    showConnection();
  }

  async function poll() {
    if (!document.hidden) await refresh();
    setTimeout(poll, POLL_MS);
  }

  function onMessage(text) {
    let message = null;
    try {
      message = JSON.parse(text);
    } catch {
      return;  // not ours to show
    }
    if (message.type === 'gpu_metrics') showMetrics(message);
    if (message.type === 'alert') refreshAlerts().catch(() => { link.answers = false; });
    showConnection();
  }

  function connect() {
    const scheme = location.protocol === 'https:' ? 'wss:' : 'ws:';
    const socket = new WebSocket(`${scheme}//${location.host}${API}/stream`);
    link.socket = socket;
    socket.onopen = () => {
      link.open = true;
      link.retryMs = RETRY_FIRST_MS;
    };
    socket.onmessage = (event) => onMessage(event.data);
    socket.onclose = () => {
      link.open = false;
      // What was missed is a gap in the lines, never a straight stroke across it.
      for (const card of cards.values()) remember(card, null);
      setTimeout(connect, link.retryMs * (0.75 + 0.5 * Math.random()));
      link.retryMs = Math.min(link.retryMs * 2, RETRY_MOST_MS);
      showConnection();
    };
  }

  document.addEventListener('visibilitychange', () => { if (!document.hidden) refresh(); });
  setInterval(showConnection, 500);
  poll();
  connect();
})();
