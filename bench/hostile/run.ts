// `npm run hostile -- [--shapes 2000] [--seed 1] [--at-once 4] [--model nano] [--shards N]`: one key sends requests that are
// made to be expensive, while another runs 16 streams. Checks that `/health` stays fast, that the honest key keeps its share, that
// memory stays bounded and that every answer ends. Prints tables; the last line is JSON; exit code 1 if a target is missed.
import { once } from 'node:events';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { Worker } from 'node:worker_threads';
import { modelDirectory } from '../../cli/files.ts';
import { addKey } from '../../cli/flags/key-file.ts';
import { drawKey, hashKey } from '../../gateway/api/tenants/keys.ts';
import { parseConfig } from '../../model/config/config.ts';
import type { ProbeReport } from '../load/load-probe.ts';
import { percentile } from '../load/soak-verdicts.ts';
import { memoryOf } from '../process-tree.ts';
import { startUp } from '../up-process.ts';
import type { AttackLine } from './attack.ts';
import type { HonestReport } from './honest.ts';

const { values: flags } = parseArgs({
  options: {
    shapes: { type: 'string', default: '2000' },
    seed: { type: 'string', default: '1' },
    /** Hostile requests under way. */
    'at-once': { type: 'string', default: '4' },
    model: { type: 'string', default: 'nano' },
    /** Number of shards. Default: in process. */
    shards: { type: 'string' },
    /** Seconds that a hostile request may take. */
    patience: { type: 'string', default: '300' },
    /** Seconds that the honest streams are measured alone. */
    alone: { type: 'string', default: '8' },
    /** Seconds, in all; the rest of the shapes is left out. */
    most: { type: 'string', default: '2400' },
  },
});
const STREAMS = 16;
const PROBE_MS = 20;
const MEMORY_MS = 250;
/** Milliseconds. */
const HEALTH_P99 = 100;
/** Of half the speed that it has alone. */
const LEAST_SHARE = 0.8;
/** Of the gateway's process, in bytes. */
const MOST_MEMORY = 2 * 2 ** 30;
/** Of the gateway, for keys and values: the rest of its memory is what requests take beside them. */
const KV_MEMORY = '256MiB';

const model = modelDirectory(flags.model);
const config = parseConfig(JSON.parse(await readFile(join(model, 'config.json'), 'utf8')), 'config.json');
const folder = await mkdtemp(join(tmpdir(), 'hostile-'));
const file = join(folder, 'keys');
const [honestKey, hostileKey] = [drawKey(), drawKey()];
for (const [name, key] of Object.entries({ honest: honestKey, hostile: hostileKey })) {
  await addKey(file, { name, sha256: hashKey(key), created: new Date().toISOString() });
}
const where = flags.shards === undefined ? ['--in-process'] : ['--shards', flags.shards];
const server = await startUp(model, [
  ...where,
  '--api-keys',
  file,
  '--kv-memory',
  KV_MEMORY,
  '--log-level',
  'error',
]);
process.once('SIGINT', () => void server.stop().then(() => process.exit(130)));
process.once('SIGTERM', () => void server.stop().then(() => process.exit(143)));

const common = { url: server.url, model: basename(model) };
const worker = (name: string, workerData: object) => {
  return new Worker(new URL(name, import.meta.url), { workerData });
};
const honest = worker('./honest.ts', { ...common, key: honestKey, streams: STREAMS });
const count = async (message: string): Promise<HonestReport> => {
  const reported = once(honest, 'message');
  honest.postMessage(message);
  return ((await reported) as [HonestReport])[0];
};
await delay(2_000);
const [aloneFrom, aloneTo] = [
  await count('now'),
  await delay(1_000 * Number(flags.alone)).then(() => count('now')),
];
const alone = rate(aloneFrom, aloneTo);

const probe = worker('../load/load-probe.ts', {
  url: new URL('/health', server.url).href,
  everyMs: PROBE_MS,
});
const memory: number[] = [];
const sampler = setInterval(() => memory.push(memoryOf(server.pid, new Map())), MEMORY_MS);
const lines: AttackLine[] = [];
const windows: number[] = [];
const from = await count('now');
const attack = worker('./attack.ts', {
  ...common,
  key: hostileKey,
  seed: 1_000_000 * Number(flags.seed),
  shapes: Number(flags.shapes),
  atOnce: Number(flags['at-once']),
  patienceMs: 1_000 * Number(flags.patience),
  limits: {
    ...{ context: config.context, vocab: config.vocab, layers: config.layers, experts: config.experts },
  },
});
attack.on('message', (line: AttackLine) => {
  lines.push(line);
  if (lines.length % 100 === 0) process.stderr.write(`${lines.length} of ${flags.shapes} requests\n`);
});
const over = Promise.race([once(attack, 'exit'), server.ended, delay(1_000 * Number(flags.most))]);
let last = from;
while ((await Promise.race([over.then(() => 'over'), delay(5_000)])) !== 'over') {
  const now = await count('now');
  windows.push(rate(last, now));
  last = now;
}
const to = await count('now');
clearInterval(sampler);
const health = await ended<ProbeReport>(probe);
const died = server.hasEnded();
await attack.terminate();
const { whole, failures } = await count('end');
await server.stop();
await rm(folder, { recursive: true });

const kinds = Map.groupBy(lines, ({ kind }) => kind);
console.log(
  'kind                           | requests | finish error left late cut | 4xx  5xx | slowest ms | most MB',
);
for (const [kind, own] of [...kinds].sort()) {
  const of = (wanted: (line: AttackLine) => boolean) => String(own.filter(wanted).length).padStart(4);
  console.log(
    `${kind.padEnd(30)} | ${String(own.length).padStart(8)} | ` +
      ['finish', 'error', 'left', 'late', 'cut']
        .map((ending) => of((line) => line.ending === ending))
        .join(' ') +
      ` | ${of(({ status }) => status >= 400 && status < 500)} ${of(({ status }) => status >= 500)} | ` +
      `${String(Math.max(...own.map(({ ms }) => ms))).padStart(10)} | ` +
      (Math.max(...own.map(({ bytes }) => bytes)) / 1e6).toFixed(1),
  );
}
for (const { seed, kind, status, ending, detail } of lines.filter(unended).slice(0, 20)) {
  console.log(`seed ${seed} (${kind}): ${status} ${ending} ${detail}`);
}
const beside = rate(from, to);
const figures = {
  requests: lines.length,
  healthP50: percentile(health.times, 0.5),
  healthP99: percentile(health.times, 0.99),
  healthMax: percentile(health.times, 1),
  healthFailures: health.failures.length,
  alone,
  beside,
  share: (2 * beside) / alone,
  worstWindowShare: (2 * Math.min(...windows)) / alone,
  memoryMb: Math.max(...memory) / 1e6,
  honestWhole: whole,
  honestFailures: failures.length,
  unended: lines.filter(unended).length,
  internal: lines.filter(({ status }) => status === 500).length,
};
for (const [name, value] of Object.entries(figures)) console.log(`${name.padEnd(17)} ${value.toFixed(2)}`);
for (const failure of failures.slice(0, 10)) console.log(`honest: ${failure}`);
const verdicts = [
  { name: 'the server lived', ok: !died },
  {
    name: `p99 of /health below ${HEALTH_P99} ms`,
    ok: figures.healthP99 < HEALTH_P99 && health.failures.length === 0,
  },
  { name: `the honest key keeps ${LEAST_SHARE} of its share`, ok: figures.share >= LEAST_SHARE },
  { name: `memory below ${MOST_MEMORY / 2 ** 20} MiB`, ok: 1e6 * figures.memoryMb < MOST_MEMORY },
  { name: 'every hostile answer ended', ok: figures.unended === 0 },
  { name: 'no 500', ok: figures.internal === 0 },
  { name: 'every honest stream finished', ok: failures.length === 0 && whole > 0 },
];
for (const { name, ok } of verdicts) console.log(`${ok ? 'ok    ' : 'FAILED'} ${name}`);
console.log(JSON.stringify({ ...flags, figures, verdicts }));
process.exitCode = verdicts.every(({ ok }) => ok) ? 0 : 1;

function unended({ ending }: AttackLine): boolean {
  return ending === 'cut' || ending === 'late';
}

/** Tokens a second. */
function rate(first: HonestReport, second: HonestReport): number {
  return (second.tokens - first.tokens) / ((second.at - first.at) / 1000);
}

async function ended<Report>(thread: Worker): Promise<Report> {
  const reported = once(thread, 'message');
  thread.postMessage('end');
  return ((await reported) as [Report])[0];
}
