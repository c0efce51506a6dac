// The strip of counts above the plots: sequences, memory, what stood in, what was cordoned. Knows no requests.
import { element, make, say } from './elements.js';
import { bytes, count, percent } from './format.js';
import { total } from './samples.js';

/** @typedef {import('./samples.js').Sample} Sample */

const list = element('counts', HTMLElement);
const rungs = ['class', 'standby', 'next_best', 'pass_through'];

/** @type {Map<string, { value: HTMLElement, below: HTMLElement }>} */
const tiles = new Map();

/** @param {ReadonlyMap<string, Sample[]>} samples */
export function showCounts(samples) {
  const of = (/** @type {string} */ name) => total(samples, `expertgrid_${name}`) ?? 0;
  const engine = (/** @type {string} */ name) => of(`engine_${name}_total`);
  const [reserved, limit] = [of('kv_reserved_bytes'), of('kv_limit_bytes')];
  const degraded = rungs.map((rung) => ({ rung, hops: engine(`degraded_hops_${rung}`) }));
  const hops = degraded.reduce((sum, each) => sum + each.hops, 0);
  const cordons = engine('cordons');
  const failed = engine('failed_sequences');
  tile('Sequences', count(of('sequences_running')), `${count(of('sequences_waiting'))} waiting`);
  tile('KV memory', limit > 0 ? percent(reserved / limit) : '–', `${bytes(reserved)} of ${bytes(limit)}`);
  tile('Calls retried', count(engine('retried_calls')), `${count(engine('hedged_calls'))} hedged`);
  tile('Failed answers', count(failed), `${count(engine('expert_call_failures'))} calls failed`, failed > 0);
  tile('Degraded hops', count(hops), hopsText(degraded), hops > 0);
  tile(
    'Cordons',
    count(cordons),
    `${count(engine('mismatches'))} mismatches, ${count(engine('bans'))} bans`,
    cordons > 0,
  );
}

/** @param {{ rung: string, hops: number }[]} degraded */
function hopsText(degraded) {
  const met = degraded.filter(({ hops }) => hops > 0);
  if (met.length === 0) return 'nothing stood in';
  return met.map(({ rung, hops }) => `${rung.replace('_', ' ')} ${count(hops)}`).join(', ');
}

/**
 * @param {string} name
 * @param {string} value
 * @param {string} below
 * @param {boolean} [alarming]
 */
function tile(name, value, below, alarming = false) {
  let known = tiles.get(name);
  if (known === undefined) {
    known = { value: make('dd', { class: 'count' }), below: make('dd', { class: 'note' }) };
    tiles.set(name, known);
    list.append(make('div', {}, make('dt', {}, name), known.value, known.below));
  }
  say(known.value, value);
  say(known.below, below);
  known.value.classList.toggle('alarming', alarming);
}
