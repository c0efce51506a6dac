// Formats sizings of several rates as a table, which is Markdown too. Pure.
import type { Sizing } from '../../infra/capacity/size.ts';
import { figure, gib, type Origin, onPaper, percent, spread } from './sizing-text.ts';

interface Column {
  title: string;
  of: (sizing: Sizing) => string;
}

const columns: readonly Column[] = [
  { title: 'requests/s', of: ({ workload }) => workload.rps.toLocaleString('en') },
  { title: 'cells', of: ({ region }) => region.cells.toLocaleString('en') },
  { title: 'gateways', of: ({ region }) => region.gateways.toLocaleString('en') },
  { title: 'shards', of: ({ region }) => region.shards.toLocaleString('en') },
  { title: 'memory', of: ({ region }) => gib(region.memoryMiB) },
  { title: 'cost an hour', of: ({ cost }) => figure(cost.hourly) },
  { title: 'cost of a million tokens', of: ({ cost }) => figure(cost.millionTokens) },
  { title: 'utilisation', of: ({ usual }) => percent(usual.utilisation) },
  { title: 'first token ms, p50 / p99', of: ({ usual }) => spread(usual.firstTokenMs) },
  { title: 'token ms, p50 / p99', of: ({ usual }) => spread(usual.tokenMs) },
  {
    title: 'if a region is lost',
    of: ({ regionLost }) =>
      regionLost === undefined
        ? 'nothing serves'
        : `${percent(regionLost.utilisation)}${regionLost.fits ? '' : ', too much'}`,
  },
  { title: 'a cell breaks at, requests/s', of: ({ usual }) => figure(usual.limit.rps) },
  { title: 'breaks first', of: ({ usual }) => usual.limit.part },
];

/** A line for each sizing. Cells, gateways, shards and memory are those of one region, the cost is that of all. */
export function decadesText(sizings: readonly Sizing[], origin: Origin): string {
  const [first] = sizings;
  if (first === undefined) return onPaper(origin);
  const { prompt, answer, hitRate, regions } = first.workload;
  const cells = [
    columns.map(({ title }) => title),
    ...sizings.map((each) => columns.map(({ of }) => of(each))),
  ];
  const widths = columns.map((_, i) => Math.max(...cells.map((row) => row[i]?.length ?? 0)));
  const line = (row: readonly string[]) =>
    `| ${row.map((cell, i) => cell.padEnd(widths[i] ?? 0)).join(' | ')} |`;
  const [head = [], ...rows] = cells;
  return [
    onPaper(origin),
    `${prompt} prompt tokens (${percent(hitRate)} cached), ${answer} answer tokens, ${regions} ${regions === 1 ? 'region' : 'regions'}; ` +
      'cells, gateways, shards and memory are those of one region.',
    '',
    line(head),
    line(widths.map((width) => '-'.repeat(width))),
    ...rows.map(line),
    '',
  ].join('\n');
}
