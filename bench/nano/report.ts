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
  runsTable,
  type Score,
  scoresTable,
  withBlock,
} from './tables.ts';

const root = new URL('../../', import.meta.url);
const logs = new URL('train/logs/', root);
const doc = new URL('docs/nano.md', root);

/** What each log is, in the order of the tables. */
const RUNS: Readonly<Record<string, string>> = {
  nano: 'nano, as it is shipped',
  'nano-12m': '(a) the recipe of nano',
  dense: '(b) dense, same active size',
  lbl: '(c) plain balancing loss from scratch',
  switched: '(d) progressive, switched to one expert',
  kept: '(d) progressive, kept',
  top1: '(e) Top-1 LBL alone',
  elastic: 'elastic k, read with one expert',
  prototypes: 'two prototypes',
};

/** The documents and plots that follow from the logs, by path from the root. */
export async function report(): Promise<Map<string, string>> {
  const runs = await readRuns();
  const withLoad = runs.filter(({ finals }) => finals.some(({ hottest }) => hottest !== undefined));
  const files = new Map<string, string>();
  files.set('docs/plots/nano-bits.svg', plotSvg(curves(runs)));
  for (const which of ['hottest', 'coldest'] as const)
    files.set(`docs/plots/nano-${which}.svg`, plotSvg(loadPlot(withLoad, which)));
  const heat = JSON.parse(await readFile(new URL('heat.json', logs), 'utf8')) as KindCalls[];
  const last = (heat[0]?.calls.length ?? 1) - 1;
  for (const layer of [0, Math.floor(last / 2), last])
    files.set(`docs/plots/nano-heat-${layer}.svg`, mapOf(heat, layer));
  let text = await readFile(doc, 'utf8');
  text = withBlock(text, 'runs', runsTable(runs.map((run) => ({ run, what: RUNS[run.name]! }))));
  text = withBlock(text, 'kinds', kindsTable(runs));
  text = withBlock(text, 'scores', scoresTable(await readScores()));
  text = withBlock(text, 'elastic', elasticTable(await readElastic(runs)));
  for (const name of ['samples', 'stranger'])
    text = withBlock(text, name, (await readFile(new URL(`${name}.md`, logs), 'utf8')).trimEnd());
  return files.set('docs/nano.md', text);
}

/** Runs in the order of RUNS. The log of piece N of a run is NAME-N.jsonl. */
async function readRuns(): Promise<Run[]> {
  const files = (await readdir(logs)).filter((file) => file.endsWith('.jsonl')).sort();
  const pieces = Map.groupBy(files, (file) => file.replace(/(-\d+)?\.jsonl$/, ''));
  const unknown = [...pieces.keys()].filter((name) => !Object.hasOwn(RUNS, name));
  if (unknown.length > 0)
    throw new Error(`${fileURLToPath(logs)}: report.ts does not know the runs ${unknown.join(', ')}`);
  const read = async (file: string) => parseRun(file, await readFile(new URL(file, logs), 'utf8'));
  return await Promise.all(
    Object.keys(RUNS).flatMap((name) => {
      const of = pieces.get(name);
      return of === undefined ? [] : [Promise.all(of.map(read)).then((all) => joinPieces(name, all))];
    }),
  );
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
