// Makes the tables and plots of docs/nano.md from the logs in train/logs: `node bench/nano/report.ts`. train/README.md says how the logs
// were made. The text around the tables is written by hand.
import { readdir, readFile, writeFile } from 'node:fs/promises';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { heatMapSvg } from '../drawing/heat-map.ts';
import { plotSvg } from '../drawing/plot.ts';
import type { Shares } from '../world/asking.ts';
import type { KindCalls } from './kinds.ts';
import { joinPieces, parseRun, type Run } from './lines.ts';
import { curves, loadPlot } from './plots.ts';
import {
  type ElasticPoint,
  elasticTable,
  kindsTable,
  type Reading,
  runsTable,
  type Score,
  scoresTable,
  withBlock,
} from './tables.ts';

const root = new URL('../../', import.meta.url);
const logs = new URL('train/logs/', root);
const doc = new URL('docs/nano.md', root);

/** The experts a token of progressive sparsification, by layer. */
const PROGRESSIVE = [8, 8, 4, 4, 2, 2, 1, 1];

type Entry = Omit<Reading, 'run'> & { log: string };

/** The models that are compared, in the order of the tables. */
const RUNS: readonly Entry[] = [
  { log: 'nano', what: 'nano, as it is shipped' },
  { log: 'nano-12m', what: '(a) the recipe of nano' },
  { log: 'dense', what: '(b) dense, same active size' },
  { log: 'lbl', what: '(c) plain balancing loss from scratch' },
  { log: 'switched', what: '(d) progressive, switched to one expert' },
  { log: 'kept', what: '(d) progressive, kept', experts: PROGRESSIVE },
  { log: 'top1', what: '(e) Top-1 LBL alone' },
  { log: 'elastic', what: 'elastic k, read with one expert' },
  { log: 'prototypes', what: 'two prototypes, one expert of each' },
];

/** What the switch to one expert a token costs. */
const SWITCH: readonly Entry[] = [
  { log: 'progressive', what: 'before the switch', experts: PROGRESSIVE },
  { log: 'progressive', what: 'the same weights with one expert' },
  { log: 'switched', what: 'switched, at the end' },
  { log: 'kept', what: 'kept, at the end', experts: PROGRESSIVE },
  { log: 'kept', what: 'kept, read with one expert' },
];

/** The documents and plots that follow from the logs, by path from the root. */
export async function report(): Promise<Map<string, string>> {
  const logged = await readRuns();
  const readings = (entries: readonly Entry[]): Reading[] =>
    entries.flatMap(({ log, ...entry }) => {
      const run = logged.get(log);
      return run === undefined ? [] : [{ run, ...entry }];
    });
  const runs = readings(RUNS);
  const withLoad = runs.filter(({ run }) => run.finals.some(({ hottest }) => hottest !== undefined));
  const files = new Map<string, string>();
  files.set('docs/plots/nano-bits.svg', plotSvg(curves(runs)));
  for (const which of ['hottest', 'coldest'] as const)
    files.set(`docs/plots/nano-${which}.svg`, plotSvg(loadPlot(withLoad, which)));
  const heat = JSON.parse(await readFile(new URL('heat.json', logs), 'utf8')) as KindCalls[];
  const last = (heat[0]?.calls.length ?? 1) - 1;
  for (const layer of [0, Math.floor(last / 2), last])
    files.set(`docs/plots/nano-heat-${layer}.svg`, mapOf(heat, layer));
  let text = await readFile(doc, 'utf8');
  text = withBlock(text, 'runs', runsTable(runs));
  text = withBlock(text, 'switch', runsTable(readings(SWITCH)));
  text = withBlock(text, 'kinds', kindsTable(runs));
  text = withBlock(text, 'scores', scoresTable(await readScores()));
  text = withBlock(text, 'elastic', elasticTable(await readElastic(runs.map(({ run }) => run))));
  for (const name of ['samples', 'stranger'])
    text = withBlock(text, name, (await readFile(new URL(`${name}.md`, logs), 'utf8')).trimEnd());
  return files.set('docs/nano.md', text);
}

/** Runs by name. The log of piece N of a run is NAME-N.jsonl. */
async function readRuns(): Promise<Map<string, Run>> {
  const files = (await readdir(logs)).filter((file) => file.endsWith('.jsonl')).sort();
  const pieces = Map.groupBy(files, (file) => file.replace(/(-\d+)?\.jsonl$/, ''));
  const known = new Set([...RUNS, ...SWITCH].map(({ log }) => log));
  const unknown = [...pieces.keys()].filter((name) => !known.has(name));
  if (unknown.length > 0)
    throw new Error(`${fileURLToPath(logs)}: report.ts does not know the runs ${unknown.join(', ')}`);
  const read = async (file: string) => parseRun(file, await readFile(new URL(file, logs), 'utf8'));
  const runs = new Map<string, Run>();
  for (const [name, of] of pieces) runs.set(name, joinPieces(name, await Promise.all(of.map(read))));
  return runs;
}

/** What bench/nano/elastic.ts measured of these runs, by run. */
async function readElastic(runs: readonly Run[]): Promise<{ run: Run; points: ElasticPoint[] }[]> {
  const files = await readdir(logs);
  const measured = runs.filter(({ name }) => files.includes(`elastic-${name}.json`));
  const read = async (run: Run) => ({
    run,
    points: JSON.parse(await readFile(new URL(`elastic-${run.name}.json`, logs), 'utf8')) as ElasticPoint[],
  });
  return await Promise.all(measured.map(read));
}

/** The tasks that nano gets right at each precision, from the last lines of bench/world/score.ts. */
async function readScores(): Promise<Score[]> {
  const files = (await readdir(logs)).filter((file) => /^score-\d+(-fresh)?\.json$/.test(file));
  const read = async (file: string) => {
    const { kinds, right } = JSON.parse(await readFile(new URL(file, logs), 'utf8')) as Shares;
    return { bits: Number(/\d+/.exec(file)), fresh: file.includes('fresh'), kinds, right };
  };
  return (await Promise.all(files.map(read))).sort(
    (a, b) => b.bits - a.bits || Number(a.fresh) - Number(b.fresh),
  );
}

function mapOf(heat: readonly KindCalls[], layer: number): string {
  return heatMapSvg({
    title: `Experts of layer ${layer} by kind of text`,
    kinds: heat.map(({ kind }) => kind),
    calls: heat.map(({ calls }) => calls[layer]!),
  });
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) {
  for (const [path, text] of await report()) await writeFile(new URL(path, root), text);
}
