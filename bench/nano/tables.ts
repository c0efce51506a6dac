// Markdown tables of training runs. Pure.
import { sum } from '../statistics.ts';
import type { Shares } from '../world/asking.ts';
import type { Final, Run, Words } from './lines.ts';

export type Row = readonly (string | number)[];

/** A Markdown table. All columns but the first are aligned right. */
export function table(head: readonly string[], rows: readonly Row[]): string {
  const line = (cells: Row) => `| ${cells.join(' | ')} |`;
  return [line(head), line(head.map((_, i) => (i === 0 ? '---' : '---:'))), ...rows.map(line)].join('\n');
}

/** Numbers of experts a token with which models are compared. */
export const ELASTIC: readonly number[] = [1, 2, 4, 6];

/** What bench/nano/elastic.ts measures with a number of experts a token. */
export interface ElasticPoint {
  experts: number;
  /** Share of the tasks. */
  right: number;
  tokensPerSecond: number;
}

/** A run that is read with some number of experts a token. */
export interface Reading {
  run: Run;
  what: string;
  /** In all layers, or in each. Default: one. */
  experts?: Experts;
}

type Experts = number | readonly number[];

/**
 * The last evaluation of a whole run on texts with such words, with `experts` experts a token in all layers or in each.
 * Throws if evaluate.py has not added one to the log.
 */
export function finalOf({ name, finals }: Run, words: Words, experts: Experts = 1): Final {
  const wanted = (layer: number) => (typeof experts === 'number' ? experts : experts[layer]);
  const last = finals.findLast(
    (each) => (each.words ?? 'held') === words && each.active.every((k, layer) => k === wanted(layer)),
  );
  if (last !== undefined) return last;
  const active = experts === 1 ? '' : ` --active ${experts}`;
  const command = `train/run.sh evaluate.py $W --name ${name} --log${active}`;
  throw new Error(`${name}.jsonl has no final figures. Add them: ${command}`);
}

/** Bits per byte and load of runs. */
export function runsTable(readings: readonly Reading[]): string {
  const rows = readings.map(({ run, what, experts }) => {
    const { tokens, active, final, hottest: hottestOfHeld } = finalOf(run, 'held', experts);
    const { final: trained, hottest, coldest, dead } = finalOf(run, 'trained', experts);
    const most = (loads: number[] | undefined) => (loads === undefined ? '' : Math.max(...loads).toFixed(2));
    return [
      what,
      `\`${run.name}\``,
      (tokens / 1e6).toFixed(1),
      new Set(active).size === 1 ? active[0]! : active.join(','),
      trained.world.toFixed(3),
      final.world.toFixed(3),
      final.prose.toFixed(3),
      most(hottest),
      coldest === undefined ? '' : Math.min(...coldest).toFixed(2),
      dead === undefined ? '' : sum(dead),
      most(hottestOfHeld),
    ];
  });
  const bits = ['world', 'world, held-out words', 'prose'];
  const load = ['hottest', 'coldest', 'dead', 'hottest, held-out words'];
  return table(['model', 'log', 'tokens, M', 'k', ...bits, ...load], rows);
}

/** Bits per byte of each kind of text, a column for each run. */
export function kindsTable(readings: readonly Reading[]): string {
  const finals = readings.map(({ run, experts }) => finalOf(run, 'held', experts));
  const kinds = Object.keys(finals[0]?.final ?? {});
  const rows = kinds.map((kind) => [kind, ...finals.map(({ final }) => final[kind]!.toFixed(3))]);
  return table(['kind of text', ...readings.map(({ run }) => `\`${run.name}\``)], rows);
}

/** Quality and speed of runs by the number of experts a token. Speeds are multiples of the first run's with one expert. */
export function elasticTable(measured: readonly { run: Run; points: readonly ElasticPoint[] }[]): string {
  const base = measured[0]?.points[0]?.tokensPerSecond ?? Number.NaN;
  const rows = measured.flatMap(({ run, points }) =>
    points.map(({ experts, right, tokensPerSecond }) => {
      const [trained, held] = (['trained', 'held'] as const).map(
        (words) => finalOf(run, words, experts).final,
      );
      return [
        ...[`\`${run.name}\``, experts, trained!.world.toFixed(3), held!.world.toFixed(3), percent(right)],
        ...[tokensPerSecond, (tokensPerSecond / base).toFixed(2)],
      ];
    }),
  );
  const quality = ['world', 'world, held-out words', 'tasks right'];
  return table(['model', 'experts a token', ...quality, 'tokens/s', 'speed'], rows);
}

/** What bench/world/score.ts says of a bundle. */
export interface Score extends Shares {
  bits: number;
  /** Whether the tasks are of another seed than those in train/world/tasks.json. */
  fresh: boolean;
}

/** The share of tasks that are right at each precision, and of fresh tasks. */
export function scoresTable(scores: readonly Score[]): string {
  const rows = Object.keys(scores[0]?.kinds ?? {}).map((kind) => [
    kind,
    ...scores.map(({ kinds }) => percent(kinds[kind]!)),
  ]);
  return table(
    ['tasks', ...scores.map(({ bits, fresh }) => `${bits} bits${fresh ? ', fresh tasks' : ''}`)],
    [...rows, ['all 200', ...scores.map(({ right }) => percent(right))]],
  );
}

function percent(share: number): string {
  return `${(100 * share).toFixed(1)} %`;
}

/** The text with the part between `<!-- NAME -->` and `<!-- end of NAME -->` replaced. Throws if it has no such part. */
export function withBlock(text: string, name: string, block: string): string {
  const [begin, end] = [`<!-- ${name} -->\n`, `\n<!-- end of ${name} -->`];
  const from = text.indexOf(begin);
  const to = text.indexOf(end);
  if (from === -1 || to < from) throw new Error(`the text has no lines ${begin.trim()} and ${end.trim()}`);
  return `${text.slice(0, from + begin.length)}\n${block}\n${text.slice(to)}`;
}
