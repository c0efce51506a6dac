// The strip of counts: uptime, requests, memory, retried calls, degraded hops, cordons.
import { element, make, say } from '../elements.js';
import { bytes, count, span } from '../format.js';
import { total } from './samples.js';

/**
 * @typedef {import('./samples.js').Sample} Sample
 * @typedef {import('./series.js').Answer} Answer
 */

const list = element('counts', HTMLElement);
/** Name of a counter of degraded hops. There is one for each rung of the degradation ladder. */
const hopCounter = /^expertgrid_engine_degraded_hops_(\w+)_total$/;
/** Names of the tiles. Their order is fixed, so that the strip does not change its layout as answers arrive. */
const names = ['Uptime', 'Requests', 'Memory', 'Calls retried', 'Degraded hops', 'Cordons'];

/** @type {Map<string, { value: HTMLElement, below: HTMLElement }>} */
const tiles = new Map(
  names.map((name) => {
    const made = { value: make('dd', { class: 'count' }, '–'), below: make('dd', { class: 'note' }) };
    list.append(make('div', {}, make('dt', {}, name), made.value, made.below));
    return [name, made];
  }),
);

/** @param {Pick<Answer, 'version' | 'started' | 'now' | 'totals'>} answer */
export function showRequests({ version, started, now, totals }) {
  tile('Uptime', span(now - started), `version ${version}`);
  const { requests, errors, refused } = totals;
  tile('Requests', count(requests), `${count(errors)} failed, ${count(refused)} refused`, errors > 0);
}

/** @param {ReadonlyMap<string, Sample[]>} samples */
export function showCounts(samples) {
  const engine = (/** @type {string} */ name) => total(samples, `expertgrid_engine_${name}_total`) ?? 0;
  const degraded = [...samples.keys()].flatMap((name) => {
    const rung = hopCounter.exec(name)?.[1];
    return rung === undefined ? [] : [{ rung, hops: total(samples, name) ?? 0 }];
  });
  const hops = degraded.reduce((sum, each) => sum + each.hops, 0);
  const cordons = engine('cordons');
  tile('Calls retried', count(engine('retried_calls')), `${count(engine('hedged_calls'))} hedged`);
  tile('Degraded hops', count(hops), hopsText(degraded), hops > 0);
  tile(
    'Cordons',
    count(cordons),
    `${count(engine('mismatches'))} mismatches, ${count(engine('bans'))} bans`,
    cordons > 0,
  );
}

/**
 * @param {number | undefined} gateway bytes
 * @param {readonly { memory_bytes?: number | null }[]} shards
 */
export function showMemory(gateway, shards) {
  if (gateway === undefined) return;
  const told = shards.flatMap(({ memory_bytes: memory }) => memory ?? []);
  const all = told.reduce((sum, memory) => sum + memory, gateway);
  const where = told.length === 0 ? 'of the gateway' : `gateway ${bytes(gateway)}, ${told.length} shards`;
  tile('Memory', bytes(all), where);
}

/** @param {{ rung: string, hops: number }[]} degraded */
function hopsText(degraded) {
  const met = degraded.filter(({ hops }) => hops > 0);
  if (met.length === 0) return 'nothing stood in';
  return met.map(({ rung, hops }) => `${rung.replace('_', ' ')} ${count(hops)}`).join(', ');
}

/** @type {(name: string, value: string, below: string, alarming?: boolean) => void} */
function tile(name, value, below, alarming = false) {
  const known = tiles.get(name);
  if (known === undefined) return;
  say(known.value, value);
  say(known.below, below);
  known.value.classList.toggle('alarming', alarming);
}
