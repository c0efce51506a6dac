// `node bench/load/load.ts --connections 200 --seconds 120`: many clients send mixed requests to `up` on nano, and some
// leave early. Checks for errors, the latency of `/health` and the API's own time. The last line is JSON; exit code 1 if
// a target is missed.
import { basename } from 'node:path';
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { setTimeout as delay } from 'node:timers/promises';
import { modelDirectory } from '../../cli/files.ts';
import { uniform } from '../../test/support/random.ts';
import { readFlags } from '../flags.ts';
import { heldOutTexts } from '../inputs.ts';
import { printChecks } from '../print.ts';
import { Quiet } from '../quiet.ts';
import { startUp, stopAtSignals } from '../up-process.ts';
import { type RequestResult, runClient } from './client.ts';
import { loadFigures, loadVerdicts } from './load-verdicts.ts';
import { startProbe } from './probe.ts';
import { loadRequest } from './requests.ts';

const flags = readFlags({
  model: 'nano',
  connections: '200',
  seconds: '120',
  /** Number of shards. Default: in process. */
  shards: undefined,
  seed: '1',
});
const PROBE_MS = 50;

const prose = (await heldOutTexts()).join('\n');
const model = modelDirectory(flags.model);
const where = flags.shards === undefined ? ['--in-process'] : ['--shards', flags.shards];
const server = await startUp(model, where);
stopAtSignals(server);

const probe = startProbe(server.url, PROBE_MS);
const lag = monitorEventLoopDelay({ resolution: 1 });
lag.enable();

const counts = { tokens: 0, whole: 0, left: 0 };
const errors: Record<string, number> = {};
const over = new AbortController();
function onResult({ outcome, error = '', tokens }: RequestResult): void {
  counts.tokens += tokens;
  if (over.signal.aborted) return;
  if (outcome === 'error') errors[error] = (errors[error] ?? 0) + 1;
  else counts[outcome]++;
}
const startedAt = performance.now();
const clients = Array.from({ length: Number(flags.connections) }, (_, client) => {
  const random = uniform(Number(flags.seed) * 1_000 + client);
  const next = () => loadRequest(random, prose);
  return runClient(server.url, basename(model), { next, onResult, signal: over.signal });
});
// Also measures the share of the cores that other processes used. If it is large, the figures mean little.
const quiet = new Quiet({ log: console.log, patienceMs: 0 });
await quiet.measure(() => Promise.race([delay(1000 * Number(flags.seconds)), server.ended]));
const seconds = (performance.now() - startedAt) / 1000;
const health = await probe.end();
lag.disable();
const died = server.hasEnded();
over.abort();
await Promise.all(clients);
const metrics = died ? '' : await fetch(new URL('/metrics', server.url)).then((page) => page.text());
await server.stop();

const clientLagP99 = lag.percentile(99) / 1e6;
const othersShare = quiet.shares[0] ?? Number.NaN;
const figures = loadFigures({ ...counts, seconds, errors, health, metrics, clientLagP99, othersShare });
const verdicts = [...loadVerdicts(figures), { name: 'the server kept running', ok: !died }];
for (const [name, value] of Object.entries(figures)) console.log(`${name.padEnd(14)} ${value.toFixed(2)}`);
for (const [kind, times] of Object.entries(errors)) console.log(`${times} times ${kind}`);
for (const failure of health.failures.slice(0, 5)) console.log(`/health: ${failure}`);
printChecks(verdicts);
console.log(JSON.stringify({ ...flags, figures, errors, verdicts }));
