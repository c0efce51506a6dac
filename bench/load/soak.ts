// `node bench/load/soak.ts --model DIR --minutes 30 --clients 8`: serves a model to clients that send requests of mixed
// lengths, and some clients leave early. Checks that memory, errors and latencies stay stable. The last line is JSON;
// exit code 1 if a verdict fails.
//
// A request's tokens and times count in the interval in which its answer ends.
import { basename } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { modelDirectory } from '../../cli/files.ts';
import { uniform } from '../../test/support/random.ts';
import { readFlags } from '../flags.ts';
import { readConfig } from '../inputs.ts';
import { checkLine } from '../print.ts';
import { proportionalMemory, treeOf } from '../process-tree.ts';
import { startUp, stopAtSignals } from '../up-process.ts';
import { type RequestResult, runClient } from './client.ts';
import { soakRequest } from './requests.ts';
import { type Interval, type Memory, soakTable, verdictsOf } from './soak-verdicts.ts';

const flags = readFlags({
  model: 'nano',
  minutes: '30',
  clients: '8',
  /** Number of shards. Default: in process. */
  shards: undefined,
  /** Small enough that the prefix cache is full before the first interval that is compared. */
  'kv-memory': '512MiB',
  seed: '1',
});
const minutes = Number(flags.minutes);
/** Number of intervals. They last a minute; in a run below 12 minutes they are shorter, so that there are at least 12. */
const intervals = Math.max(12, Math.round(minutes));
const model = modelDirectory(flags.model);
const config = await readConfig(model);
const log = (line: string) => process.stderr.write(`${new Date().toISOString().slice(11, 19)} ${line}\n`);

const where = flags.shards === undefined ? ['--in-process'] : ['--shards', flags.shards];
const server = await startUp(model, [...where, '--kv-memory', flags['kv-memory']]);
stopAtSignals(server);

const recorded: Interval[] = [];
let current = fresh();
const over = new AbortController();
function onResult({ outcome, error, tokens, sentAt, times: [first, ...rest] }: RequestResult): void {
  current.tokens += tokens;
  if (first !== undefined) {
    current.firstTokens.push(first - sentAt);
    current.gaps.push(...rest.map((at, i) => at - (rest[i - 1] ?? first)));
  }
  if (over.signal.aborted) return;
  current.requests[outcome]++;
  if (error !== undefined) log(`error: ${error}`);
}
const clients = Array.from({ length: Number(flags.clients) }, (_, client) => {
  const random = uniform(Number(flags.seed) * 1_000 + client);
  const next = () => soakRequest(random, config);
  return runClient(server.url, basename(model), { next, onResult, signal: over.signal });
});

const startedAt = performance.now();
let intervalAt = startedAt;
for (let i = 0; i < intervals; i++) {
  const until = startedAt + ((i + 1) * minutes * 60_000) / intervals;
  await Promise.race([delay(Math.max(0, until - performance.now())), server.ended]);
  if (server.hasEnded()) break;
  const at = performance.now();
  const memory = await memoryNow();
  const interval = {
    ...current,
    minutes: (at - startedAt) / 60_000,
    seconds: (at - intervalAt) / 1000,
    memory,
  };
  recorded.push(interval);
  current = fresh();
  intervalAt = at;
  log(soakTable([interval]).split('\n')[1] ?? '');
}
const died = server.hasEnded();
over.abort();
await Promise.all(clients);
await server.stop();

const verdicts = verdictsOf(recorded);
console.log(soakTable(recorded));
for (const { name, value, atMost, unit, ok } of verdicts) {
  console.log(checkLine(ok, `${name}: ${value.toFixed(2)} ${unit} (at most ${atMost})`));
}
if (died) console.log(checkLine(false, 'the server ended by itself'));
const series = recorded.map(({ gaps: _, firstTokens: __, ...rest }) => rest);
console.log(JSON.stringify({ ...flags, verdicts, died, intervals: series }));
process.exitCode = died || verdicts.some(({ ok }) => !ok) ? 1 : 0;

function fresh(): Omit<Interval, 'minutes' | 'seconds' | 'memory'> {
  return { tokens: 0, requests: { whole: 0, left: 0, error: 0 }, gaps: [], firstTokens: [] };
}

/** Sums over all processes of the server; the heap is that of /metrics. */
async function memoryNow(): Promise<Memory> {
  const memory: Memory = { pss: 0, anonymous: 0 };
  for (const pid of treeOf(server.pid)) {
    const { pss, anonymous } = proportionalMemory(pid);
    memory.pss += pss;
    memory.anonymous += anonymous;
  }
  const page = await fetch(new URL('/metrics', server.url)).then((response) => response.text());
  const heap = /^nodejs_heap_size_used_bytes (\S+)/m.exec(page)?.[1];
  return heap === undefined ? memory : { ...memory, heap: Number(heap) };
}
