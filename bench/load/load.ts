// `node bench/load/load.ts --connections 200 --seconds 120`: many clients of mixed kinds against `up` on nano, some leaving
// midway. Checks for errors, the latency of `/health` and the API's own time. The last line is JSON; exit code 1 if a target is missed.
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { basename } from 'node:path';
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { setTimeout as delay } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { Worker } from 'node:worker_threads';
import { z } from 'zod';
import { modelDirectory } from '../../cli/files.ts';
import { Quiet } from '../quiet.ts';
import { uniform } from '../uniform.ts';
import { startUp } from '../up-process.ts';
import { loadRequest, runLoadClient } from './load-client.ts';
import type { ProbeReport } from './load-probe.ts';
import { loadFigures, loadVerdicts } from './load-verdicts.ts';

const { values: flags } = parseArgs({
  options: {
    model: { type: 'string', default: 'nano' },
    connections: { type: 'string', default: '200' },
    seconds: { type: 'string', default: '120' },
    /** Number of shards. Default: in process. */
    shards: { type: 'string' },
    seed: { type: 'string', default: '1' },
  },
});
const PROBE_MS = 50;

/** Prose that no model here was trained on. */
const texts = z
  .array(z.object({ text: z.string() }))
  .parse(JSON.parse(await readFile(new URL('../held-out.json', import.meta.url), 'utf8')));
const prose = texts.map(({ text }) => text).join('\n');
const model = modelDirectory(flags.model);
const where = flags.shards === undefined ? ['--in-process'] : ['--shards', flags.shards];
const server = await startUp(model, where);
process.once('SIGINT', () => void server.stop().then(() => process.exit(130)));
process.once('SIGTERM', () => void server.stop().then(() => process.exit(143)));

const probe = new Worker(new URL('./load-probe.ts', import.meta.url), {
  workerData: { url: new URL('/health', server.url).href, everyMs: PROBE_MS },
});
const lag = monitorEventLoopDelay({ resolution: 1 });
lag.enable();

const counts = { tokens: 0, whole: 0, left: 0 };
const errors: Record<string, number> = {};
const over = new AbortController();
const sink = {
  tokens(count: number) {
    counts.tokens += count;
  },
  ended(outcome: 'whole' | 'left' | 'error', kind = '') {
    if (over.signal.aborted) return;
    if (outcome === 'error') errors[kind] = (errors[kind] ?? 0) + 1;
    else counts[outcome]++;
  },
};
const startedAt = performance.now();
const clients = Array.from({ length: Number(flags.connections) }, (_, client) => {
  const random = uniform(Number(flags.seed) * 1_000 + client);
  const next = () => loadRequest(random, prose);
  return runLoadClient(server.url, basename(model), { next, sink, signal: over.signal });
});
// The share of the cores that other processes used is printed too. If it is large, the figures mean little.
const quiet = new Quiet({ log: console.log, patienceMs: 0 });
await quiet.measure(() => Promise.race([delay(1000 * Number(flags.seconds)), server.ended]));
const seconds = (performance.now() - startedAt) / 1000;
const reported = once(probe, 'message');
probe.postMessage('end');
const [health] = (await reported) as [ProbeReport];
lag.disable();
const died = server.hasEnded();
over.abort();
await Promise.all(clients);
const metrics = died ? '' : await fetch(new URL('/metrics', server.url)).then((page) => page.text());
await server.stop();

const clientLagP99 = lag.percentile(99) / 1e6;
const othersShare = quiet.shares[0] ?? Number.NaN;
const figures = loadFigures({ ...counts, seconds, errors, health, metrics, clientLagP99, othersShare });
const verdicts = [...loadVerdicts(figures), { name: 'the server lived', ok: !died }];
for (const [name, value] of Object.entries(figures)) console.log(`${name.padEnd(14)} ${value.toFixed(2)}`);
for (const [kind, times] of Object.entries(errors)) console.log(`${times} times ${kind}`);
for (const failure of health.failures.slice(0, 5)) console.log(`/health: ${failure}`);
for (const { name, ok } of verdicts) console.log(`${ok ? 'ok    ' : 'FAILED'} ${name}`);
console.log(JSON.stringify({ ...flags, figures, errors, verdicts }));
process.exitCode = verdicts.every(({ ok }) => ok) ? 0 : 1;
