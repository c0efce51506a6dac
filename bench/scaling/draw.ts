// Draws line charts of a day below each other, as the text of an SVG file that is readable on a light and on a dark page. Pure.
import { escaped } from '../drawing/svg.ts';

export interface Line {
  name: string;
  /** One value for each slot of the day. */
  values: readonly number[];
}

export interface Chart {
  title: string;
  lines: readonly Line[];
}

const WIDTH = 760;
const LEFT = 44;
const RIGHT = 24;
const CHART_HEIGHT = 110;
const GAP = 44;
const TOP = 34;
const HOURS = 24;
const HOURS_BETWEEN = 3;
/** An axis ends at one of these, times a power of ten. */
const ENDS = [1, 1.5, 2, 3, 4, 6, 8, 10];
/** Colours that differ for people with any kind of colour vision, and stand out from white and from black. */
const COLOURS = ['#2b8cc4', '#d5701e', '#12a07a', '#b55d92'];
const STYLE =
  'text{fill:#333}.grid{stroke:#8884}@media (prefers-color-scheme:dark){text{fill:#ddd}.grid{stroke:#8886}}';

/** Throws if there is nothing to draw. */
export function dayCharts(title: string, charts: readonly Chart[]): string {
  if (charts.length === 0) throw new Error(`${title}: there are no charts to draw`);
  const height = TOP + charts.length * (CHART_HEIGHT + GAP);
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${height}" font-family="sans-serif" font-size="11">`,
    `<title>${escaped(title)}</title>`,
    `<style>${STYLE}</style>`,
    ...charts.flatMap((chart, i) => drawn(chart, TOP + i * (CHART_HEIGHT + GAP))),
    '</svg>',
    '',
  ].join('\n');
}

function drawn({ title, lines }: Chart, top: number): string[] {
  const most = roundUp(Math.max(...lines.flatMap(({ values }) => values)));
  const x = (part: number) => LEFT + (WIDTH - LEFT - RIGHT) * part;
  const y = (value: number) => top + CHART_HEIGHT * (1 - value / most);
  const hours = Array.from({ length: HOURS / HOURS_BETWEEN + 1 }, (_, i) => i * HOURS_BETWEEN);
  return [
    `<text x="${LEFT}" y="${top - 10}" font-weight="bold">${escaped(title)}</text>`,
    ...lines.map(({ name }, i) => {
      const at = WIDTH - RIGHT - 130 * (lines.length - 1 - i);
      return `<text x="${at}" y="${top - 10}" text-anchor="end" style="fill:${COLOURS[i % COLOURS.length]}">${escaped(name)}</text>`;
    }),
    ...[0, most / 2, most].flatMap((value) => [
      `<line class="grid" x1="${LEFT}" x2="${WIDTH - RIGHT}" y1="${tenth(y(value))}" y2="${tenth(y(value))}"/>`,
      `<text x="${LEFT - 6}" y="${tenth(y(value) + 4)}" text-anchor="end">${value}</text>`,
    ]),
    ...hours.map((hour) => {
      return `<text x="${tenth(x(hour / HOURS))}" y="${top + CHART_HEIGHT + 16}" text-anchor="middle">${hour}:00</text>`;
    }),
    ...lines.map(({ values }, i) => {
      const points = values.map(
        (value, slot) => `${tenth(x((slot + 0.5) / values.length))},${tenth(y(value))}`,
      );
      const style = `fill="none" stroke="${COLOURS[i % COLOURS.length]}" stroke-width="1.5" stroke-linejoin="round"`;
      return `<polyline ${style} points="${points.join(' ')}"/>`;
    }),
  ];
}

/** To one of `ENDS` times a power of ten. */
function roundUp(value: number): number {
  if (!(value > 0)) return 1;
  const power = 10 ** Math.floor(Math.log10(value));
  return power * (ENDS.find((digit) => digit * power >= value) ?? 10);
}

function tenth(value: number): number {
  return Math.round(10 * value) / 10;
}
