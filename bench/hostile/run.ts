// One API key sends requests that are made to be expensive, while another key (the honest key) runs 16 streams: `npm run
// hostile -- [--shapes 2000] [--seed 1] [--at-once 4] [--model nano] [--shards N]`. Checks that `/health` stays fast,
// that the honest key keeps its share of the speed, that memory stays bounded and that every answer ends. Prints a table
// of the requests; the last line is JSON; exit code 1 if a target is missed.
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { Worker } from 'node:worker_threads';
import { modelDirectory } from '../../cli/files.ts';
import { unitShape } from '../../model/config/model-config.ts';
import { readFlags } from '../flags.ts';
import { readConfig, writeTwoKeys } from '../inputs.ts';
import { startProbe } from '../load/probe.ts';
import { printChecks, table } from '../print.ts';
import { memoryOf } from '../process-tree.ts';
import { percentile } from '../statistics.ts';
import { startUp, stopAtSignals } from '../up-process.ts';
import type { Attack, AttackLine } from './attack.ts';
import type { Honest, HonestReport } from './honest.ts';

const flags = readFlags({
  /** Number of hostile requests. */
  shapes: '2000',
  seed: '1',
  /** Number of hostile requests that run at the same time. */
  'at-once': '4',
  model: 'nano',
  /** Number of shards. Default: in process. */
  shards: undefined,
  /** Seconds that a hostile request may take. */
  patience: '300',
  /** Seconds that the honest streams are measured without hostile requests. */
  alone: '8',
  /** Longest time of the attack in seconds. After it, no further requests are sent. */
  most: '2400',
});
const STREAMS = 16;
const PROBE_MS = 20;
const MEMORY_MS = 250;
const HEALTH_P99_MS = 100;
/** Lower limit of a ratio: speed of the honest key during the attack / half of its speed without the attack. */
const LEAST_SHARE = 0.8;
/** Largest memory of the gateway in bytes. */
const MOST_MEMORY = 2 * 2 ** 30;
/** Memory of the gateway for keys and values. The rest of `MOST_MEMORY` is for everything else. */
const KV_MEMORY = '256MiB';

const model = modelDirectory(flags.model);
const config = await readConfig(model);
const { context, vocab } = config;
const { layers, experts } = unitShape(config);
const folder = await mkdtemp(join(tmpdir(), 'hostile-'));
const file = join(folder, 'keys');
const [honestKey, hostileKey] = await writeTwoKeys(file, ['honest', 'hostile']);
const where = flags.shards === undefined ? ['--in-process'] : ['--shards', flags.shards];
const limited = ['--api-keys', file, '--kv-memory', KV_MEMORY, '--log-level', 'error'];
const server = await startUp(model, [...where, ...limited]);
stopAtSignals(server);

const common = { url: server.url, model: basename(model) };
const honest = new Worker(new URL('./honest.ts', import.meta.url), {
  workerData: { ...common, key: honestKey, streams: STREAMS } satisfies Honest,
});
const count = async (message: 'count' | 'end'): Promise<HonestReport> => {
  const reported = once(honest, 'message');
  honest.postMessage(message);
  return ((await reported) as [HonestReport])[0];
};
await delay(2_000);
const aloneFrom = await count('count');
await delay(1_000 * Number(flags.alone));
const alone = rate(aloneFrom, await count('count'));

const probe = startProbe(server.url, PROBE_MS);
const memory: number[] = [];
const sampler = setInterval(() => memory.push(memoryOf(server.pid, new Map())), MEMORY_MS);
const lines: AttackLine[] = [];
/** Speed of the honest key in each window of 5 s. */
const windows: number[] = [];
const from = await count('count');
const attack = new Worker(new URL('./attack.ts', import.meta.url), {
  workerData: {
    ...common,
    key: hostileKey,
    seed: 1_000_000 * Number(flags.seed),
    shapes: Number(flags.shapes),
    atOnce: Number(flags['at-once']),
    patienceMs: 1_000 * Number(flags.patience),
    limits: { context, vocab, layers, experts },
  } satisfies Attack,
});
attack.on('message', (line: AttackLine) => {
  lines.push(line);
  if (lines.length % 100 === 0) process.stderr.write(`${lines.length} of ${flags.shapes} requests\n`);
});
const over = Promise.race([once(attack, 'exit'), server.ended, delay(1_000 * Number(flags.most))]);
let last = from;
while ((await Promise.race([over.then(() => 'over'), delay(5_000)])) !== 'over') {
  const now = await count('count');
  windows.push(rate(last, now));
  last = now;
}
const to = await count('count');
clearInterval(sampler);
const health = await probe.end();
const died = server.hasEnded();
await attack.terminate();
const { whole, failures } = await count('end');
await server.stop();
await rm(folder, { recursive: true });

const endings = ['finish', 'error', 'left', 'late', 'cut'] as const;
const kinds = Map.groupBy(lines, ({ kind }) => kind);
const cells = [...kinds].sort().map(([kind, own]) => {
  const count = (wanted: (line: AttackLine) => boolean) => String(own.filter(wanted).length);
  return [
    kind,
    String(own.length),
    ...endings.map((ending) => count((line) => line.ending === ending)),
    count(({ status }) => status >= 400 && status < 500),
    count(({ status }) => status >= 500),
    String(Math.max(...own.map(({ ms }) => ms))),
    (Math.max(...own.map(({ bytes }) => bytes)) / 1e6).toFixed(1),
  ];
});
console.log(table(['kind', 'requests', ...endings, '4xx', '5xx', 'slowest ms', 'most MB'], cells).join('\n'));
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
  { name: 'the server kept running', ok: !died },
  {
    name: `p99 of /health below ${HEALTH_P99_MS} ms`,
    ok: figures.healthP99 < HEALTH_P99_MS && health.failures.length === 0,
  },
  { name: `the honest key keeps ${LEAST_SHARE} of its share`, ok: figures.share >= LEAST_SHARE },
  { name: `memory below ${MOST_MEMORY / 2 ** 20} MiB`, ok: 1e6 * figures.memoryMb < MOST_MEMORY },
  { name: 'every hostile answer ended', ok: figures.unended === 0 },
  { name: 'no 500', ok: figures.internal === 0 },
  { name: 'every honest stream finished', ok: failures.length === 0 && whole > 0 },
];
printChecks(verdicts);
console.log(JSON.stringify({ ...flags, figures, verdicts }));

function unended({ ending }: AttackLine): boolean {
  return ending === 'cut' || ending === 'late';
}

/** Tokens a second between two reports. */
function rate(first: HonestReport, second: HonestReport): number {
  return (second.tokens - first.tokens) / ((second.at - first.at) / 1000);
}
