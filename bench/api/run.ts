// `node bench/api/run.ts`: what the API itself costs. The gateway's application serves HTTP on this thread, an engine that computes
// nothing runs in another thread, and the clients run in another process. Linux only, because it reads /proc.
//
// Prints two tables. Requests: small chat requests one after another over one connection, whole and streamed; the API's own time
// (the clock of telemetry/overhead.ts, which stops while the engine is awaited), the client's time, and the CPU time of this thread.
// Tokens: streams at the same time, with a step every `--step` ms; CPU time of this thread for each token, and the time from the
// step to the client. `--profile` prints the files in which this thread spends its time. The last line is JSON.
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { MessageChannel, Worker } from 'node:worker_threads';
import pino from 'pino';
import { modelDirectory } from '../../cli/files.ts';
import { createApi } from '../../gateway/api/app.ts';
import { serve } from '../../gateway/api/serve.ts';
import type { Tracing } from '../../gateway/api/telemetry/telemetry.ts';
import { loadTextSide } from '../../gateway/api/text/text-side.ts';
import { connectEngine } from '../../gateway/engine/port/connect-engine.ts';
import { readFlags } from '../flags.ts';
import { table } from '../print.ts';
import { median, percentile, sum } from '../statistics.ts';
import type { Done, Job } from './client.ts';
import type { EngineThreadData } from './engine-thread.ts';
import { profiled } from './profile.ts';

const flags = readFlags({
  model: 'nano',
  /** Measured requests of each kind and round. As many are sent before the first round. */
  requests: '1000',
  streams: '1,8,32',
  /** Tokens of each stream. */
  tokens: '200',
  /** Milliseconds between two steps while streams are measured. */
  step: '10',
  rounds: '5',
  profile: false,
});
const MOST_STEPS = 65_536;

const dir = modelDirectory(flags.model);
const text = await loadTextSide(dir);
const ids = text.tokenizer.encodePlain('Once upon a time a ship left the harbour at night.', { first: true });
const messages = [{ role: 'user', content: 'Tell me a short story about a ship.' }];

const client = fork(new URL('./client.ts', import.meta.url));
async function run(job: Job): Promise<Done> {
  client.send(job);
  return (await once(client, 'message'))[0];
}

/** The API's own time of each request since the list was last emptied, in milliseconds. */
const ownMs: number[] = [];
const tracing = {
  begin: () => ({ traceId: '', traceparent: '', end: ({ apiMs }) => void ownMs.push(apiMs ?? Number.NaN) }),
} satisfies Partial<Tracing>;

async function start(stepMs: number) {
  const { port1, port2 } = new MessageChannel();
  const times = new SharedArrayBuffer(8 * MOST_STEPS);
  const workerData: EngineThreadData = { port: port2, ids, stepMs, times };
  const worker = new Worker(new URL('./engine-thread.ts', import.meta.url), {
    workerData,
    transferList: [port2],
  });
  const engine = await connectEngine(port1, new Promise(() => {}));
  const models = [{ ...text, engine, model: { id: 'bench', created: 0 } }];
  // The log is written as in production, but to nowhere.
  const app = createApi({ models, logger: pino({ level: 'info' }, { write() {} }), tracing });
  const server = await serve({ app, port: 0 });
  const url = `http://127.0.0.1:${server.port}/v1/chat/completions`;
  const stop = async () => {
    await server.close(0);
    await worker.terminate();
  };
  return { url, times: new Float64Array(times), stop };
}

/** CPU time of this thread in milliseconds. */
function cpuMs(): number {
  return Number(readFileSync('/proc/self/schedstat', 'utf8').split(' ')[0]) / 1e6;
}

async function measureRequests(url: string, kind: 'whole' | 'streamed') {
  const body = {
    model: 'bench',
    messages,
    max_tokens: 8,
    ...(kind === 'streamed' && { stream: true, stream_options: { include_usage: true } }),
  };
  const count = Number(flags.requests);
  ownMs.length = 0;
  const before = cpuMs();
  const done = await profiled(kind, flags.profile, () => run({ type: 'requests', url, body, count }));
  const cpu = (cpuMs() - before) / count;
  const seen = 'requests' in done ? done.requests : [];
  return {
    kind,
    own: percentile(ownMs, 0.5),
    ownP99: percentile(ownMs, 0.99),
    client: percentile(seen, 0.5),
    cpu,
  };
}

async function measureStreams({ url, times }: Awaited<ReturnType<typeof start>>, count: number) {
  const tokens = Number(flags.tokens);
  const body = { model: 'bench', messages, max_tokens: tokens, stream: true };
  times.fill(0);
  const before = cpuMs();
  const work = () => run({ type: 'streams', url, body, count });
  const done = await profiled(`${count} streams`, flags.profile, work);
  const cpuUs = (1000 * (cpuMs() - before)) / count / tokens;
  const steps = times.filter((at) => at > 0).sort();
  const events = 'streams' in done ? done.streams : [];
  // The first event has the role. The last two, the finish and [DONE], come with the last token.
  const lags = events.flatMap((own) => own.slice(1, -2).map((at) => at - latestBefore(steps, at)));
  return { streams: count, cpuUs, lag: percentile(lags, 0.5), lagP90: percentile(lags, 0.9) };
}

/** The largest of the sorted `times` that is at most `at`. */
function latestBefore(times: Float64Array, at: number): number {
  let [low, high] = [0, times.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((times[middle] ?? 0) <= at) low = middle + 1;
    else high = middle;
  }
  return times[low - 1] ?? Number.NaN;
}

/** The median of each field over the rounds. */
function medians<Row extends object>(rounds: readonly Row[]): Row {
  const [first] = rounds;
  if (first === undefined) throw new Error('--rounds must be at least 1');
  const entries = Object.entries(first).map(([name, value]) => {
    const all = rounds.map((row) => Number(row[name as keyof Row]));
    return [name, typeof value === 'string' ? value : median(all)];
  });
  return Object.fromEntries(entries) as Row;
}

const rounds = Number(flags.rounds);
const atOnce = await start(0);
const kinds = ['whole', 'streamed'] as const;
for (const kind of kinds) await measureRequests(atOnce.url, kind); // compiles the code
const requestRounds: Awaited<ReturnType<typeof measureRequests>>[] = [];
for (let round = 0; round < rounds; round++) {
  for (const kind of kinds) requestRounds.push(await measureRequests(atOnce.url, kind));
}
const requests = kinds.map((of) => medians(requestRounds.filter(({ kind }) => kind === of)));
await atOnce.stop();

const stepping = await start(Number(flags.step));
const counts = flags.streams.split(',').map(Number);
await measureStreams(stepping, sum(counts)); // compiles the code
const tokenRounds: Awaited<ReturnType<typeof measureStreams>>[] = [];
for (let round = 0; round < rounds; round++) {
  for (const count of counts) tokenRounds.push(await measureStreams(stepping, count));
}
const tokens = counts.map((of) => medians(tokenRounds.filter(({ streams }) => streams === of)));
await stepping.stop();
client.disconnect();

const requestCells = requests.map(({ kind, ...ms }) => [
  kind,
  ...Object.values(ms).map((each) => each.toFixed(3)),
]);
console.log(table(['request', 'own ms', 'own p99', 'client ms', 'CPU ms'], requestCells).join('\n'));
const tokenCells = tokens.map(({ streams, cpuUs, lag, lagP90 }) => {
  return [String(streams), cpuUs.toFixed(1), lag.toFixed(2), lagP90.toFixed(2)];
});
console.log(table(['streams', 'CPU µs a token', 'step to client ms', 'p90'], tokenCells).join('\n'));
console.log(JSON.stringify({ ...flags, requests, tokens }));
