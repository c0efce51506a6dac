// How speed grows with streams, context, shards and rows a frame: `node bench/growth/run.ts`. Prints tables, writes plots, and
// ends with one line of JSON. docs/benchmarks.md explains the tables.
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { availableParallelism, cpus, loadavg, tmpdir } from 'node:os';
import { join } from 'node:path';
import { modelDirectory } from '../../cli/files.ts';
import { commitHere } from '../commit.ts';
import { plotSvg } from '../drawing/plot.ts';
import { readFlags } from '../flags.ts';
import { readConfig } from '../inputs.ts';
import { killDescendants } from '../process-tree.ts';
import { Quiet } from '../quiet.ts';
import { median } from '../statistics.ts';
import { withContext } from './context.ts';
import { measureRows, measureSetup } from './measure.ts';
import { LONGEST, type Point, setupsOf, tableNames, tablesNamed, valuesOf } from './points.ts';
import { plotOf, rowsTable, type Table, tableOf, textOf } from './tables.ts';

const usage = `node bench/growth/run.ts [options]
  --quick          few points, one round, and no plots unless --plots is given
  --rounds N       number of rounds; each measures every point once, in fresh processes (default 5)
  --tables NAME,…  tables to measure: ${tableNames.join(', ')} (default all)
  --model DIR      bundle to measure (default nano)
  --plots DIR      directory of the SVG plots (default docs/plots)
  --patience S     seconds to wait, in all, for other work on the machine to end (default 60); after that, disturbed figures count
`;
const flags = readFlags({
  quick: false,
  rounds: undefined,
  tables: tableNames.join(','),
  model: 'nano',
  plots: undefined,
  patience: '60',
  help: false,
});
if (flags.help) {
  process.stdout.write(usage);
  process.exit(0);
}

/** Measured hops of each number of rows in a round. */
const HOPS = 500;
const rounds = Number(flags.rounds ?? (flags.quick ? 1 : 5));
const wanted = tablesNamed(flags.tables);
const plots =
  flags.plots ?? (flags.quick ? undefined : join(import.meta.dirname, '..', '..', 'docs', 'plots'));
const startedAt = performance.now();
/** Read before the plots are written, because they may be tracked files. */
const commit = commitHere();
const log = (line: string) => process.stderr.write(`${new Date().toISOString().slice(11, 19)} ${line}\n`);
const quiet = new Quiet({ log, patienceMs: 1000 * Number(flags.patience) });
const folder = await mkdtemp(join(tmpdir(), 'expertgrid-growth-'));
const leave = async (code: number) => {
  killDescendants(process.pid);
  await rm(folder, { recursive: true, force: true });
  process.exit(code);
};
process.once('SIGINT', () => void leave(130));
process.once('SIGTERM', () => void leave(143));

const model = modelDirectory(flags.model);
const config = await readConfig(model);
const longer = join(folder, 'longer');
const isLong = config.context >= LONGEST;
if (!isLong) await withContext(model, longer, LONGEST);

try {
  const tables = [...(await measureTables()), ...(wanted.includes('rows') ? [await measureRowsTable()] : [])];
  for (const table of tables) console.log(textOf(table).join('\n'));
  const machine = `${availableParallelism()} threads of ${cpus()[0]?.model.trim()}`;
  const run = {
    commit,
    machine,
    node: process.version,
    model: flags.model,
    rounds,
    seconds: Math.round((performance.now() - startedAt) / 1000),
    load: loadavg(),
    othersShare: median(quiet.shares),
    contextIsExtended: !isLong,
  };
  console.log(JSON.stringify({ ...run, tables }));
  if (plots !== undefined) await writePlots(plots, tables);
} finally {
  await rm(folder, { recursive: true });
}

async function measureTables(): Promise<Table[]> {
  const setups = setupsOf(wanted, flags.quick);
  const samples = new Map<Point, number[]>();
  for (const { points } of setups) for (const point of points) samples.set(point, []);
  for (let round = 0; round < rounds; round++) {
    const isReversed = round % 2 === 1;
    for (const setup of isReversed ? setups.toReversed() : setups) {
      log(`round ${round + 1} of ${rounds}: ${setup.table} ${setup.flags.join(' ')}`);
      const bundle = setup.table === 'context' && !isLong ? longer : model;
      const times = await measureSetup(setup, { model: bundle, config, quiet, isReversed });
      for (const [point, ms] of times) samples.get(point)?.push(ms);
    }
  }
  return [...Map.groupBy(setups, ({ table }) => table)].map(([name, ofTable]) => {
    const points = ofTable.flatMap((setup) => setup.points);
    return tableOf(name, new Map(points.map((point) => [point, samples.get(point) ?? []])), config);
  });
}

async function measureRowsTable(): Promise<Table> {
  const lines = new Map<string, Map<number, number[]>>();
  const add = (line: string, rows: number, us: number) => {
    const points = lines.get(line) ?? new Map<number, number[]>();
    lines.set(line, points.set(rows, [...(points.get(rows) ?? []), us / 1000]));
  };
  for (let round = 0; round < rounds; round++) {
    log(`round ${round + 1} of ${rounds}: rows of a frame`);
    const hops = await quiet.measure(() => measureRows(valuesOf(flags.quick).rows, HOPS));
    for (const { rows, echoUs, hopUs, inProcessUs } of hops) {
      add('bare echo', rows, echoUs);
      add('hop', rows, hopUs);
      add('hop in process', rows, inProcessUs);
    }
  }
  return rowsTable(lines);
}

async function writePlots(to: string, tables: readonly Table[]): Promise<void> {
  await mkdir(to, { recursive: true });
  for (const table of tables) await writeFile(join(to, `growth-${table.name}.svg`), plotSvg(plotOf(table)));
}
