// Markdown tables of training runs. Pure.
import type { Final, Run, Words } from './lines.ts';

export type Row = readonly (string | number)[];

/** A Markdown table. All columns but the first are aligned right. */
export function table(head: readonly string[], rows: readonly Row[]): string {
  const line = (cells: Row) => `| ${cells.join(' | ')} |`;
  return [line(head), line(head.map((_, i) => (i === 0 ? '---' : '---:'))), ...rows.map(line)].join('\n');
}

/** The last evaluation of a whole run on texts with such words. Throws if evaluate.py has not added one to its log. */
export function finalOf({ name, finals }: Run, words: Words): Final {
  const last = finals.findLast((each) => (each.words ?? 'held') === words);
  if (last === undefined)
    throw new Error(
      `${name}.jsonl has no final figures. Add them: train/run.sh evaluate.py $W --name ${name} --log`,
    );
  return last;
}

/** Bits per byte and load of runs, each with what it is. */
export function runsTable(runs: readonly { run: Run; what: string }[]): string {
  const rows = runs.map(({ run, what }) => {
    const { active, final, hottest: hottestOfHeld } = finalOf(run, 'held');
    const { final: trained, hottest, coldest, dead } = finalOf(run, 'trained');
    const most = (loads: number[] | undefined) => (loads === undefined ? '' : Math.max(...loads).toFixed(2));
    return [
      what,
      `\`${run.name}\``,
      (run.tokens / 1e6).toFixed(1),
      new Set(active).size === 1 ? active[0]! : active.join(','),
      trained.world.toFixed(3),
      final.world.toFixed(3),
      final.prose.toFixed(3),
      most(hottest),
      coldest === undefined ? '' : Math.min(...coldest).toFixed(2),
      dead === undefined ? '' : dead.reduce((sum, count) => sum + count, 0),
      most(hottestOfHeld),
    ];
  });
  const bits = ['world', 'world, held-out words', 'prose'];
  const load = ['hottest', 'coldest', 'dead', 'hottest, held-out words'];
  return table(['model', 'log', 'tokens, M', 'k', ...bits, ...load], rows);
}

/** Bits per byte of each kind of text, a column for each run. */
export function kindsTable(runs: readonly Run[]): string {
  const finals = runs.map((run) => finalOf(run, 'held'));
  const kinds = Object.keys(finals[0]?.final ?? {});
  const rows = kinds.map((kind) => [kind, ...finals.map(({ final }) => final[kind]!.toFixed(3))]);
  return table(['kind of text', ...runs.map(({ name }) => `\`${name}\``)], rows);
}

/** What bench/world/score.ts says of a bundle. */
export interface Score {
  bits: number;
  /** Whether the tasks are of another seed than those in train/world/tasks.json. */
  fresh: boolean;
  /** Share right of each kind of task, and of all. */
  kinds: Record<string, number>;
  right: number;
}

/** The share of tasks that are right at each precision, and of fresh tasks. */
export function scoresTable(scores: readonly Score[]): string {
  const percent = (share: number) => `${(100 * share).toFixed(1)} %`;
  const rows = Object.keys(scores[0]?.kinds ?? {}).map((kind) => [
    kind,
    ...scores.map(({ kinds }) => percent(kinds[kind]!)),
  ]);
  return table(
    ['tasks', ...scores.map(({ bits, fresh }) => `${bits} bits${fresh ? ', fresh tasks' : ''}`)],
    [...rows, ['all 200', ...scores.map(({ right }) => percent(right))]],
  );
}

/** The text with the part between `<!-- NAME -->` and `<!-- end of NAME -->` replaced. Throws if it has no such part. */
export function withBlock(text: string, name: string, block: string): string {
  const [begin, end] = [`<!-- ${name} -->\n`, `\n<!-- end of ${name} -->`];
  const from = text.indexOf(begin);
  const to = text.indexOf(end);
  if (from === -1 || to < from) throw new Error(`the text has no lines ${begin.trim()} and ${end.trim()}`);
  return `${text.slice(0, from + begin.length)}\n${block}\n${text.slice(to)}`;
}
