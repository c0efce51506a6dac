// Draws how the calls of a layer are spread over its experts, a row for each kind of text, as the text of an SVG file. Pure.
import { escaped } from './svg.ts';

export interface HeatMap {
  title: string;
  /** Rows of the map, from the top. */
  kinds: readonly string[];
  /** Calls of each expert by each kind's text, `[kinds][experts]`. */
  calls: readonly (readonly number[])[];
}

const CELL = 8;
const ROW = 20;
const LEFT = 76;
const TOP = 40;
const BOTTOM = 28;
/** A share of this multiple of the uniform share, or more, has the darkest colour. */
const DARKEST = 8;

/** Experts stand in the order of the kind that calls them most, and within a kind the most called first. */
export function heatMapSvg({ title, kinds, calls }: HeatMap): string {
  const experts = calls[0]?.length ?? 0;
  const shares = calls.map((row) => {
    const total = row.reduce((sum, count) => sum + count, 0);
    if (total === 0) throw new Error(`${title}: a kind of text has no calls`);
    return row.map((count) => (count * experts) / total);
  });
  const order = expertOrder(shares);
  const width = LEFT + experts * CELL + 12;
  const height = TOP + kinds.length * ROW + BOTTOM;
  const label = (x: number, y: number, words: string, more = '') =>
    `<text x="${x}" y="${y}" fill="#222222"${more}>${escaped(words)}</text>`;
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" font-family="sans-serif" font-size="12">`,
    `<title>${escaped(title)}</title>`,
    `<rect width="${width}" height="${height}" fill="#ffffff"/>`,
    label(LEFT, TOP - 16, title, ' font-size="15" font-weight="bold"'),
    ...kinds.flatMap((kind, row) => [
      label(LEFT - 8, TOP + row * ROW + 14, kind, ' text-anchor="end"'),
      '<g fill="#0072b2">',
      ...order.map((expert, column) => {
        const strength = Math.min(1, shares[row]![expert]! / DARKEST);
        return `<rect x="${LEFT + column * CELL}" y="${TOP + row * ROW}" width="${CELL}" height="${ROW}" opacity="${strength.toFixed(2)}"/>`;
      }),
      '</g>',
    ]),
    `<rect x="${LEFT}" y="${TOP}" width="${experts * CELL}" height="${kinds.length * ROW}" fill="none" stroke="#444444"/>`,
    label(
      LEFT,
      height - 10,
      `${experts} experts; white: no calls, darkest: ${DARKEST} times the uniform share or more`,
    ),
    '</svg>',
    '',
  ].join('\n');
}

function expertOrder(shares: readonly (readonly number[])[]): number[] {
  const most = (expert: number) => {
    const of = shares.map((row) => row[expert]!);
    const share = Math.max(...of);
    return { kind: of.indexOf(share), share };
  };
  return Array.from(shares[0] ?? [], (_, expert) => ({ expert, ...most(expert) }))
    .sort((a, b) => a.kind - b.kind || b.share - a.share || a.expert - b.expert)
    .map(({ expert }) => expert);
}
