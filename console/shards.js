// The table of shards. Knows no requests.
import { element, make, say } from './elements.js';
import { bytes, count, figure } from './format.js';

/**
 * @typedef {{
 *   address: string, state: string, standby: boolean, units: number, numerics_class: string | null,
 *   in_flight: number, expected_ms: number, calls: number, failures: number, cordons: number, bans: number,
 *   memory_bytes?: number | null,
 * }} Shard
 */

const body = element('shards', HTMLElement);
const note = element('shards-note', HTMLElement);

// Where the page is narrow the rows are no table to the style sheet; to a screen reader they still are.
const roles = { table: 'table', 'thead, tbody': 'rowgroup', 'thead tr': 'row', 'thead th': 'columnheader' };
for (const [selector, role] of Object.entries(roles)) {
  for (const part of document.querySelectorAll(selector)) part.setAttribute('role', role);
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
};

/** @type {{ at: number, calls: Map<string, number> } | undefined} */
let before;

/**
 * @param {readonly Shard[]} shards
 * @param {{ units: number | undefined, at: number }} options units: all that the model has, where that is known
 */
export function showShards(shards, { units, at }) {
  const serving = shards.filter(({ state }) => state === 'available').length;
  say(note, `${serving} of ${shards.length} available`);
  const seconds = before === undefined ? 0 : (at - before.at) / 1000;
  body.replaceChildren(
    ...shards.map((shard) => {
      const earlier = before?.calls.get(shard.address);
      const known = earlier !== undefined && seconds > 0 && shard.calls >= earlier;
      return row(shard, { units, rate: known ? (shard.calls - earlier) / seconds : undefined });
    }),
  );
  before = { at, calls: new Map(shards.map(({ address, calls }) => [address, calls])) };
}

/**
 * @param {Shard} shard
 * @param {{ units: number | undefined, rate: number | undefined }} options rate: calls a second
 */
function row(shard, { units, rate }) {
  const { address, state, standby, numerics_class: numerics, in_flight: inFlight, expected_ms: ms } = shard;
  const kind = [standby ? 'standby' : '', numerics ?? ''].filter((text) => text !== '').join(' · ');
  const marks = [
    [shard.cordons, 'cordoned'],
    [shard.bans, 'banned'],
  ];
  const past = marks.flatMap(([times, what]) => (times === 0 ? [] : [`${what} ${times}×`])).join(', ');
  const tr = make('tr', { role: 'row' });
  tr.append(
    make('th', { role: 'rowheader', scope: 'row' }, ...lines(address, kind)),
    cell(
      'State',
      make('span', { class: 'dot', 'data-tone': tones[state] ?? 'quiet' }),
      ...lines(state, past),
    ),
    cell('Experts held', ...held(shard.units, units)),
    number('Load', `${inFlight} in flight`, rate === undefined ? '' : `${figure(rate)} calls/s`),
    number('Latency', `${figure(ms)} ms`),
    number('Calls', count(shard.calls)),
    number('Failures', count(shard.failures)),
    number('Memory', typeof shard.memory_bytes === 'number' ? bytes(shard.memory_bytes) : '–'),
  );
  return tr;
}

/**
 * @param {number} units
 * @param {number | undefined} all
 */
function held(units, all) {
  if (all === undefined || all === 0) return [make('span', {}, count(units))];
  const bar = make('span', { class: 'bar', 'aria-hidden': 'true' });
  const part = make('span');
  part.style.width = `${(100 * units) / all}%`;
  bar.append(part);
  return [make('span', {}, `${count(units)} of ${count(all)}`), bar];
}

/**
 * @param {string} label
 * @param {...Node} children
 */
function cell(label, ...children) {
  return make('td', { role: 'cell', 'data-label': label }, make('div', {}, ...children));
}

/**
 * @param {string} label
 * @param {string} main
 * @param {string} [below]
 */
function number(label, main, below = '') {
  const made = cell(label, ...lines(main, below));
  made.className = 'number';
  return made;
}

/**
 * @param {string} main
 * @param {string} below
 */
function lines(main, below) {
  const first = make('span', {}, main);
  return below === '' ? [first] : [first, make('small', {}, below)];
}
