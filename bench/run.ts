// `npm run bench`: compares expertgrid with llama.cpp on one machine. comparison/rows.ts lists the rows, and
// docs/benchmarks.md explains them.
// Prints a table; the last line is JSON.
import { execFile, spawnSync } from 'node:child_process';
import { mkdir } from 'node:fs/promises';
import { availableParallelism, cpus, tmpdir, totalmem } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { unitShape } from '../model/config/model-config.ts';
import { commitHere } from './commit.ts';
import { budgetOf, budgetTable } from './comparison/budget.ts';
import { positionBytes } from './comparison/floor.ts';
import { measure } from './comparison/measure.ts';
import { findBundle, findGguf, findProbe } from './comparison/models.ts';
import { ours } from './comparison/ours.ts';
import { evict, warm } from './comparison/page-cache.ts';
import { peer, peerMissing } from './comparison/peer.ts';
import { lineOf, tableOf } from './comparison/report.ts';
import {
  rows as allRows,
  subjects as allSubjects,
  figuresOf,
  rowsNamed,
  type Subject,
  shardedSubjects,
} from './comparison/rows.ts';
import { Samples } from './comparison/samples.ts';
import type { Engine } from './engine.ts';
import { readFlags } from './flags.ts';
import type { Bandwidth } from './parts/bandwidth.ts';
import { killDescendants } from './process-tree.ts';
import { Quiet } from './quiet.ts';
import { median } from './statistics.ts';

const usage = `npm run bench -- [options]
  --quick              one round instead of five
  --rounds N           number of rounds; each measures every subject once, in fresh processes (default 5)
  --only ROW,…         rows of the table to measure: ${allRows.map(({ name }) => name).join(', ')} (default all)
  --subjects NAME,…    engines to measure: ${allSubjects.join(', ')} (default all)
  --model DIR          bundle to measure (default: one with the shape of --shape, written to the cache)
  --shape NAME|FILE    shape of the models: sigma-moe-tiny (default) or the path of a config.json
  --device NAME        device for expertgrid up; the targets apply to cpu only
  --threads N          threads of each engine (default one for each core)
  --flash on|off|auto  llama.cpp's flash attention (default auto, which is llama.cpp's default)
  --patience S         seconds to wait, in all, for other work on the machine to end (default 240); after that, disturbed figures count
  --calibrate          measure the costs of the capacity model instead, and write infra/capacity/calibration.json (docs/capacity.md)
  --cache DIR          directory of the models that are written once (default EXPERTGRID_BENCH_CACHE, else a folder in ${tmpdir()})
`;

const flags = readFlags({
  quick: false,
  rounds: undefined,
  only: undefined,
  subjects: allSubjects.join(','),
  model: undefined,
  shape: 'sigma-moe-tiny',
  device: undefined,
  threads: undefined,
  flash: 'auto',
  cache: undefined,
  patience: '240',
  calibrate: false,
  help: false,
});
if (flags.help) {
  process.stdout.write(usage);
  process.exit(0);
}
if (flags.calibrate) {
  const script = fileURLToPath(new URL('capacity/calibrate.ts', import.meta.url));
  const args = ['--rounds', flags.rounds ?? '5', '--patience', flags.patience];
  process.exit(spawnSync(process.execPath, [script, ...args], { stdio: 'inherit' }).status ?? 1);
}

const log = (line: string) => process.stderr.write(`${new Date().toISOString().slice(11, 19)} ${line}\n`);
const cache = flags.cache ?? process.env.EXPERTGRID_BENCH_CACHE ?? join(tmpdir(), 'expertgrid-bench');
const rounds = Number(flags.rounds ?? (flags.quick ? 1 : 5));
const threads = Number(flags.threads ?? availableParallelism());
const rows = rowsNamed(flags.only);
const samples = new Samples();
const startedAt = performance.now();

await mkdir(cache, { recursive: true });
const bundle = await findBundle({ cache, shape: flags.shape, model: flags.model });
const probe = await findProbe(cache);
const subjects = await prepare();
const bandwidths: Bandwidth[] = [];
const quiet = new Quiet({ log: (line) => log(`    ${line}`), patienceMs: Number(flags.patience) * 1000 });

const leave = (code: number) => {
  killDescendants(process.pid);
  process.exit(code);
};
process.once('SIGINT', () => leave(130));
process.once('SIGTERM', () => leave(143));

/** The engine files that are in the page cache now. All belong to one engine. */
let cached: readonly string[] = [];
/** Files of the engines that have had their cold start. An engine has only one cold start, because disks may be slow. */
const startedCold = new Set<readonly string[]>();
for (let round = 0; round < rounds; round++) {
  log(`round ${round + 1} of ${rounds}`);
  await probeBandwidth();
  for (const [subject, engine] of round % 2 === 0 ? subjects : subjects.toReversed()) {
    if (cached !== engine.files) await evict(cached);
    const cold = !startedCold.has(engine.files);
    cached = engine.files;
    startedCold.add(engine.files);
    await measure({
      subject,
      engine,
      cold,
      figures: figuresOf(rows, subject),
      vocab: bundle.config.vocab,
      samples,
      quiet,
      log: (line) => log(`  ${engine.name}: ${line}`),
    });
  }
}

const bandwidth = median(bandwidths.map(({ bytesPerSecond }) => bytesPerSecond));
const judged = flags.device === undefined || flags.device === 'cpu';
const facts = { shape: bundle.config, bandwidth, bundleBytes: bundle.bytes, judged };
const budget = budgetOf(rows, samples, unitShape(bundle.config).layers);
const lines = rows.map((row) => lineOf(row, samples, facts));
const run = {
  commit: commitHere(),
  machine: `${threads} threads of ${cpus()[0]?.model.trim()}, ${Math.round(totalmem() / 2 ** 30)} GiB`,
  node: process.version,
  device: flags.device ?? 'the default',
  rounds,
  bundleBytes: bundle.bytes,
  bandwidth,
  bandwidthReader: bandwidths[0]?.reader,
  othersShare: median(quiet.shares),
  seconds: Math.round((performance.now() - startedAt) / 1000),
};
console.log(`${run.machine}; commit ${run.commit}; Node ${run.node}; device: ${run.device}`);
console.log(
  `bundle ${(bundle.bytes / 1e9).toFixed(2)} GB; memory reads ${((bandwidth ?? 0) / 1e9).toFixed(1)} GB/s (${run.bandwidthReader}); medians of ${rounds} rounds; ${run.seconds} s\n`,
);
console.log(`${tableOf(lines)}\n`);
if (budget.length > 0) console.log(`${budgetTable(budget).join('\n')}\n`);
console.log(JSON.stringify({ ...run, rows: lines, budget }));

async function prepare(): Promise<[Subject, Engine][]> {
  const { model, files } = bundle;
  const common = [
    ...(flags.threads === undefined ? [] : ['--threads', flags.threads]),
    ...(flags.device === undefined ? [] : ['--device', flags.device]),
  ];
  const own = { model, files, positionBytes: positionBytes(bundle.config) };
  const prepared: [Subject, Engine][] = [
    ['local', ours({ ...own, name: 'in process', flags: ['--in-process', ...common] })],
    ...Object.entries(shardedSubjects).map(([subject, { name, shards }]): [Subject, Engine] => [
      subject as Subject,
      ours({ ...own, name, flags: ['--shards', String(shards), ...common] }),
    ]),
  ];
  const named = flags.subjects.split(',');
  const missing = peerMissing();
  if (!named.includes('peer')) {
    log('--subjects leaves out llama.cpp');
  } else if (missing === undefined) {
    const flashAttention = flags.flash === 'auto' ? 'auto' : flags.flash === 'on';
    const modelPath = await findGguf(bundle.config, cache);
    prepared.push(['peer', peer({ modelPath, threads, flashAttention })]);
  } else {
    log(missing);
  }
  return prepared.filter(([subject]) => named.includes(subject) && figuresOf(rows, subject).size > 0);
}

async function probeBandwidth(): Promise<void> {
  await warm([probe]);
  const script = fileURLToPath(new URL('parts/bandwidth.ts', import.meta.url));
  const { stdout } = await quiet.measure(() =>
    promisify(execFile)(process.execPath, [script, probe, String(threads)]),
  );
  bandwidths.push(JSON.parse(stdout));
}
