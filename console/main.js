// Wires the page together: asks the gateway every two seconds and passes the answers to the views.
import { ApiError, get } from './api.js';
import { element } from './elements.js';
import { count, duration, figure, percent } from './format.js';
import './links.js';
import { knowsModels, onModel, showModels, watchedModel } from './models.js';
import './playground/playground.js';
import { poll } from './poll.js';
import { showCounts, showMemory, showRequests } from './watch/counts.js';
import './watch/drain.js';
import { showHeat } from './watch/heat.js';
import { Plot } from './watch/plot.js';
import { parseSamples } from './watch/samples.js';
import { Past } from './watch/series.js';
import { showShards } from './watch/shards.js';
import { showAge, showReadiness, showState } from './watch/state.js';

const EVERY_MS = 2000;
/** Whether a metric is read. Those of single experts are not: they are most of the text, and the heat map shows them. */
const wanted = (/** @type {string} */ name) => name.startsWith('expertgrid_engine_');

const rate = (/** @type {number} */ value) => ({
  value: value < 10 ? figure(value) : count(value),
  unit: '/s',
});
const plain = (/** @type {number} */ value) => ({ value: count(value), unit: '' });
const times = (/** @type {string} */ what) => ({ median: `${what}_median`, p95: `${what}_p95` });
const plots = [
  new Plot('plot-requests', {
    title: 'Requests a second',
    lines: { ended: 'requests', failed: 'errors' },
    format: rate,
  }),
  new Plot('plot-tokens', {
    title: 'Tokens a second',
    lines: { generated: 'generated_tokens', prompts: 'prompt_tokens' },
    format: rate,
  }),
  new Plot('plot-first', { title: 'Time to first token', lines: times('first_token'), format: duration }),
  new Plot('plot-next', { title: 'Time between tokens', lines: times('next_token'), format: duration }),
  new Plot('plot-sequences', {
    title: 'Sequences running',
    lines: { running: 'running', waiting: 'waiting' },
    format: plain,
  }),
  new Plot('plot-memory', {
    title: 'KV memory in use',
    lines: { 'in use': 'kv_used' },
    format: (value) => ({ value: percent(value), unit: '' }),
    most: 1,
  }),
];

const ranges = {
  seconds: { label: 'ten minutes', seconds: 600, ticks: ['10 min ago', '5', 'now'] },
  minutes: { label: '24 hours', seconds: 86_400, ticks: ['24 h ago', '12', 'now'] },
};
const [, byMinute] = [...element('range', HTMLFieldSetElement).querySelectorAll('input')];
const past = new Past();

/** @type {number | undefined} number of units (experts of all layers) of the model */
let units;

function draw() {
  const which = byMinute?.checked ? 'minutes' : 'seconds';
  for (const plot of plots) plot.show(past[which], ranges[which], past.seconds);
}

async function lookAtHistory() {
  const answer = await (await get(`v1/history?since=${past.since}`)).json();
  past.add(answer);
  showRequests(answer);
  draw();
}

async function lookAtMetrics() {
  showCounts(parseSamples(await (await get('metrics')).text(), wanted));
}

async function lookAtHeat() {
  const heat = await (await get(`v1/experts/heat${ofModel()}`)).json();
  units = heat.layers * heat.experts;
  showHeat(heat);
}

async function lookAtShards() {
  const { data, memory_bytes: memory } = await (await get(`v1/shards${ofModel()}`)).json();
  showShards(data, { units, at: performance.now() });
  showMemory(memory, data);
}

async function lookAtReadiness() {
  showReadiness(await (await get('health/ready', { accept: [503] })).json());
}

async function lookAtModels() {
  if (!knowsModels()) showModels((await (await get('v1/models')).json()).data);
}

/** The query that names the watched model, if there are several models. */
function ofModel() {
  const id = watchedModel();
  return id === undefined ? '' : `?model=${encodeURIComponent(id)}`;
}

async function look() {
  const heat = lookAtHeat();
  // The shards are requested after the heat, because the answer about the heat has the number of experts.
  const shards = heat.then(lookAtShards, lookAtShards);
  const looks = [lookAtHistory(), lookAtMetrics(), heat, shards, lookAtReadiness(), lookAtModels()];
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
element('range', HTMLFieldSetElement).addEventListener('change', draw);
