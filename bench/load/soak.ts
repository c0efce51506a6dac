// `node bench/load/soak.ts --model DIR --minutes 30 --clients 8`: serves a model through its front door to clients of mixed
// lengths, some leaving midway, and checks that memory, errors and latencies stay stable. The last line is JSON;
// exit code 1 if a verdict fails.
import { readFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { modelDirectory } from '../../cli/files.ts';
import { parseConfig } from '../../model/config/config.ts';
import { treeOf } from '../process-tree.ts';
import { uniform } from '../uniform.ts';
import { startUp } from '../up-process.ts';
import { runClient, soakRequest } from './soak-client.ts';
import { type Interval, type Memory, soakTable, verdictsOf } from './soak-verdicts.ts';

const { values: flags } = parseArgs({
  options: {
    model: { type: 'string', default: 'nano' },
    minutes: { type: 'string', default: '30' },
    clients: { type: 'string', default: '8' },
    /** Number of shards. Default: in process. */
    shards: { type: 'string' },
    /** Small enough that the prefix cache is full when the run has settled. */
    'kv-memory': { type: 'string', default: '512MiB' },
    seed: { type: 'string', default: '1' },
  },
});
const minutes = Number(flags.minutes);
/** A minute each; of short runs shorter, so that there are enough to compare. */
const intervals = Math.max(12, Math.round(minutes));
const model = modelDirectory(flags.model);
const configPath = join(model, 'config.json');
const { vocab, context } = parseConfig(JSON.parse(await readFile(configPath, 'utf8')), configPath);
const say = (line: string) => process.stderr.write(`${new Date().toISOString().slice(11, 19)} ${line}\n`);

const where = flags.shards === undefined ? ['--in-process'] : ['--shards', flags.shards];
const server = await startUp(model, [...where, '--kv-memory', flags['kv-memory']]);
process.once('SIGINT', () => void server.stop().then(() => process.exit(130)));
process.once('SIGTERM', () => void server.stop().then(() => process.exit(143)));

const recorded: Interval[] = [];
let current = fresh();
const over = new AbortController();
const clients = Array.from({ length: Number(flags.clients) }, (_, client) => {
  const random = uniform(Number(flags.seed) * 1_000 + client);
  const sink = {
    token(count: number) {
      current.tokens += count;
    },
    gap: (ms: number) => void current.gaps.push(ms),
    firstToken: (ms: number) => void current.firstTokens.push(ms),
    request(outcome: 'whole' | 'left' | 'error', detail?: string) {
      if (over.signal.aborted) return;
      current.requests[outcome]++;
      if (detail !== undefined) say(`error: ${detail}`);
    },
  };
  const next = () => soakRequest(random, { vocab, context });
  return runClient(new URL('/v1/completions', server.url), basename(model), next, sink, over.signal);
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
  say(soakTable([interval]).split('\n')[1] ?? '');
}
const died = server.hasEnded();
over.abort();
await Promise.all(clients);
await server.stop();

const verdicts = verdictsOf(recorded);
console.log(soakTable(recorded));
for (const { name, value, atMost, unit, ok } of verdicts) {
  console.log(`${ok ? 'ok    ' : 'FAILED'} ${name}: ${value.toFixed(2)} ${unit} (at most ${atMost})`);
}
if (died) console.log('FAILED the server ended by itself');
const series = recorded.map(({ gaps: _, firstTokens: __, ...rest }) => rest);
console.log(JSON.stringify({ ...flags, verdicts, died, intervals: series }));
process.exitCode = died || verdicts.some(({ ok }) => !ok) ? 1 : 0;

function fresh(): Omit<Interval, 'minutes' | 'seconds' | 'memory'> {
  return { tokens: 0, requests: { whole: 0, left: 0, error: 0 }, gaps: [], firstTokens: [] };
}

/** As the kernel adds up every mapping of every process, and as /metrics tells the heap. */
async function memoryNow(): Promise<Memory> {
  const memory: Memory = { pss: 0, anonymous: 0 };
  for (const pid of treeOf(server.pid)) {
    const rollup = readFileSync(`/proc/${pid}/smaps_rollup`, 'utf8');
    const field = (name: string) => 1024 * Number(new RegExp(`^${name}: +(\\d+) kB`, 'm').exec(rollup)?.[1]);
    memory.pss += field('Pss');
    memory.anonymous += field('Pss_Anon');
  }
  const page = await fetch(new URL('/metrics', server.url)).then((response) => response.text());
  const heap = /^nodejs_heap_size_used_bytes (\S+)/m.exec(page)?.[1];
  return heap === undefined ? memory : { ...memory, heap: Number(heap) };
}
