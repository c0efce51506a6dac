// The table of shards. A row keeps its elements as long as its shard is listed, so that a button in the row keeps the focus.
import { element, make, say } from '../elements.js';
import { bytes, count, figure, span } from '../format.js';

/**
 * @typedef {{
 *   address: string, in_process: boolean, zone: string | null, state: string, since: number, standby: boolean, units: number, experts: string, numerics_class: string | null,
 *   in_flight: number, expected_ms: number, calls: number, failures: number, cordons: number, bans: number,
 *   memory_bytes: number | null, weight_bytes: number | null,
 * }} Shard
 * @typedef {{ root: HTMLElement, show: (shard: Shard, seen: Seen) => void }} Row
 * @typedef {{ units: number | undefined, rate: number | undefined, now: number }} Seen units: number of all units of the model;
 *   rate: calls a second; now: Unix seconds
 */

const body = element('shards', HTMLElement);
const note = element('shards-note', HTMLElement);

// On a narrow page the style sheet draws cards. These roles make them a table for screen readers.
const roles = { table: 'table', 'thead, tbody': 'rowgroup', 'thead tr': 'row', 'thead th': 'columnheader' };
for (const [selector, role] of Object.entries(roles)) {
  for (const part of document.querySelectorAll(`.shards ${selector}, .shards:is(${selector})`))
    part.setAttribute('role', role);
}

/** @type {Record<string, string>} */
const tones = {
  available: 'good',
  validating: 'quiet',
  draining: 'quiet',
  retired: 'quiet',
  away: 'warn',
  banned: 'bad',
  cordoned: 'bad',
  unresponsive: 'bad',
};
/** States in which the shard's process can be drained. */
const drainable = new Set(['available', 'validating', 'cordoned', 'unresponsive']);

/** @type {{ at: number, calls: Map<string, number> } | undefined} */
let before;
/** @type {Map<string, Row>} */
const rows = new Map();
/** @type {(shard: Shard) => void} */
let drain = () => {};

/** @param {(shard: Shard) => void} listener called with the shard whose button was pressed */
export function onDrain(listener) {
  drain = listener;
}

/**
 * @param {readonly Shard[]} shards
 * @param {{ units: number | undefined, at: number }} options units: number of all units of the model, if known; at: milliseconds
 */
export function showShards(shards, { units, at }) {
  const serving = shards.filter(({ state }) => state === 'available').length;
  say(note, `${serving} of ${shards.length} available`);
  const seconds = before === undefined ? 0 : (at - before.at) / 1000;
  const now = Date.now() / 1000;
  for (const address of rows.keys()) {
    if (shards.some((shard) => shard.address === address)) continue;
    rows.get(address)?.root.remove();
    rows.delete(address);
  }
  shards.forEach((shard, i) => {
    const row = rows.get(shard.address) ?? createRow(shard.address);
    rows.set(shard.address, row);
    if (body.children[i] !== row.root) body.insertBefore(row.root, body.children[i] ?? null);
    const earlier = before?.calls.get(shard.address);
    const known = earlier !== undefined && seconds > 0 && shard.calls >= earlier;
    row.show(shard, { units, now, rate: known ? (shard.calls - earlier) / seconds : undefined });
  });
  before = { at, calls: new Map(shards.map(({ address, calls }) => [address, calls])) };
}

/** @type {(address: string) => Row} */
function createRow(address) {
  const kind = make('small');
  const head = make('th', { role: 'rowheader', scope: 'row' }, make('span', {}, address), kind);
  const dot = make('span', { class: 'dot' });
  const state = cell('State', '', dot);
  const experts = cell('Experts');
  const bar = make('span', { class: 'bar', 'aria-hidden': 'true' }, make('span'));
  experts.root.firstElementChild?.append(bar);
  const [load, latency, calls, memory] = ['Load', 'Latency', 'Calls', 'Memory'].map((label) =>
    cell(label, 'number'),
  );
  const named = { type: 'button', class: 'plain small', 'aria-label': `Drain ${address}` };
  const button = make('button', named, 'Drain');
  const root = make('tr', { role: 'row' }, head, state.root);
  for (const each of [experts, load, latency, calls, memory]) if (each !== undefined) root.append(each.root);
  root.append(make('td', { role: 'cell', class: 'act' }, button));
  /** @type {Shard | undefined} */
  let current;
  button.addEventListener('click', () => {
    if (current !== undefined) drain(current);
  });
  return {
    root,
    show(shard, { units, rate, now }) {
      current = shard;
      const { zone, standby, numerics_class: numerics, in_flight: inFlight, expected_ms: ms } = shard;
      const kinds = [zone === null ? '' : `zone ${zone}`, standby ? 'standby' : '', numerics ?? ''];
      say(kind, kinds.filter((text) => text !== '').join(' · '));
      dot.dataset.tone = tones[shard.state] ?? 'quiet';
      state.show(shard.state, pastOf(shard, now));
      experts.show(shard.experts === '' ? 'none' : shortened(shard.experts), heldText(shard.units, units));
      experts.root.title = shard.experts;
      const part = bar.firstElementChild;
      if (part instanceof HTMLElement) part.style.width = units ? `${(100 * shard.units) / units}%` : '0';
      load?.show(`${inFlight} in flight`, rate === undefined ? '' : `${figure(rate)} calls/s`);
      latency?.show(`${figure(ms)} ms`);
      calls?.show(
        count(shard.calls),
        shard.failures === 0 ? 'none failed' : `${count(shard.failures)} failed`,
      );
      const weights = typeof shard.weight_bytes === 'number' ? `${bytes(shard.weight_bytes)} of weights` : '';
      memory?.show(typeof shard.memory_bytes === 'number' ? bytes(shard.memory_bytes) : '–', weights);
      const hidden = !drainable.has(shard.state) || shard.in_process;
      if (button.hidden !== hidden) button.hidden = hidden;
    },
  };
}

/**
 * How long the shard has had its state, and how often it was cordoned and banned.
 * @type {(shard: Shard, now: number) => string}
 */
function pastOf({ state, since, cordons, bans }, now) {
  const marks = [
    [cordons, 'cordoned'],
    [bans, 'banned'],
  ];
  const past = marks.flatMap(([times, what]) => (times === 0 ? [] : [`${what} ${times}×`]));
  const lasting = `${state === 'away' ? 'lost ' : ''}${span(Math.max(0, now - since))}${state === 'away' ? ' ago' : ''}`;
  return [lasting, ...past].join(', ');
}

const LONGEST_EXPERTS = 40;

/** @param {string} text */
function shortened(text) {
  const cut = text.length > LONGEST_EXPERTS;
  const shown = cut ? text.slice(0, text.lastIndexOf(',', LONGEST_EXPERTS)) : text;
  return `${shown.replaceAll(',', ', ')}${cut ? ', …' : ''}`;
}

/** @type {(units: number, all: number | undefined) => string} */
function heldText(units, all) {
  return all === undefined || all === 0 ? `${count(units)} units` : `${count(units)} of ${count(all)} units`;
}

/**
 * @param {string} label
 * @param {string} [kind]
 * @param {...Node} before
 */
function cell(label, kind = '', ...before) {
  const [main, below] = [make('span'), make('small')];
  const inner = make('div', {}, ...before, main, below);
  const root = make('td', { role: 'cell', 'data-label': label, ...(kind !== '' && { class: kind }) }, inner);
  return {
    root,
    /**
     * @param {string} text
     * @param {string} [more]
     */
    show(text, more = '') {
      say(main, text);
      say(below, more);
    },
  };
}
