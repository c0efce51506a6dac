// Wires the page: looks at the gateway every two seconds and hands what it sees to the views.
import { ApiError, get } from './api.js';
import { showCounts } from './counts.js';
import { count, duration, figure } from './format.js';
import { showHeat } from './heat.js';
import { History, lookOf } from './history.js';
import { knowsModels, onModel, showModels, watchedModel } from './models.js';
import './playground.js';
import { createPlot } from './plot.js';
import { poll } from './poll.js';
import { parseSamples } from './samples.js';
import { showShards } from './shards.js';
import { showAge, showReadiness, showState } from './state.js';

const EVERY_MS = 2000;
/** Samples of every expert are the larger part of the page, and the heat has them already. */
const wanted = (/** @type {string} */ name) => name !== 'expertgrid_expert_rows_total';

const history = new History();
const plots = [
  createPlot('plot-tokens', {
    title: 'Tokens a second',
    lines: [{ name: 'generated', value: ({ rate }) => rate }],
    format: (value) => ({ value: value < 10 ? figure(value) : count(value), unit: '/s' }),
  }),
  createPlot('plot-first', {
    title: 'Time to first token',
    lines: [
      { name: 'median', value: ({ first }) => first?.median },
      { name: 'p95', value: ({ first }) => first?.slow },
    ],
    format: duration,
  }),
  createPlot('plot-next', {
    title: 'Time between tokens',
    lines: [
      { name: 'median', value: ({ next }) => next?.median },
      { name: 'p95', value: ({ next }) => next?.slow },
    ],
    format: duration,
  }),
];

/** @type {number | undefined} (layer, expert) pairs of the model */
let units;

async function lookAtMetrics() {
  const page = await (await get('metrics')).text();
  const samples = parseSamples(page, wanted);
  history.add(lookOf(samples, performance.now()));
  showCounts(samples);
  for (const draw of plots) draw(history.points);
}

async function lookAtHeat() {
  const heat = await (await get(`v1/experts/heat${ofModel()}`)).json();
  units = heat.layers * heat.experts;
  showHeat(heat);
}

async function lookAtShards() {
  const { data } = await (await get(`v1/shards${ofModel()}`)).json();
  showShards(data, { units, at: performance.now() });
}

async function lookAtReadiness() {
  showReadiness(await (await get('health/ready', { accept: [503] })).json());
}

async function lookAtModels() {
  if (!knowsModels()) showModels((await (await get('v1/models')).json()).data);
}

/** Of several models one is watched. */
function ofModel() {
  const id = watchedModel();
  return id === undefined ? '' : `?model=${encodeURIComponent(id)}`;
}

async function look() {
  const heat = lookAtHeat();
  // After the heat, which knows how many experts there are.
  const shards = heat.then(lookAtShards, lookAtShards);
  const looks = [lookAtMetrics(), heat, shards, lookAtReadiness(), lookAtModels()];
  const results = await Promise.allSettled(looks);
  const failures = results.flatMap((result) => (result.status === 'rejected' ? [result.reason] : []));
  const [failure] = failures;
  document.body.classList.toggle('stale', failures.length > 0);
  if (failure === undefined) return showAge('');
  if (failure instanceof ApiError && failure.status === 401) showState('Key needed', 'warn');
  else if (failures.length === results.length || failure instanceof TypeError)
    showState('Out of reach', 'bad');
  showAge(failure instanceof Error ? failure.message : String(failure));
}

const lookNow = poll(look, { everyMs: EVERY_MS, onPause: () => showAge('Paused while hidden') });
onModel(lookNow);
