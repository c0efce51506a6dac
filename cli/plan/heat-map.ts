// Draws how often each expert is used (its heat) as text, with a line for each layer and a column for each expert. Pure.
import type { Heat } from '../../infra/placement/heat.ts';

export interface HeatMapOptions {
  /** Width in characters. If it is too small, several experts share a cell, which shows the hottest of them. */
  columns?: number;
  /** Draws with colours instead of letters. */
  colour?: boolean;
}

/** Both scales begin with the coldest. The colours are numbers of the 256-colour palette of xterm. */
const LETTERS = ' .:-=+*#%@';
const COLOURS = [16, 17, 18, 19, 25, 31, 37, 36, 71, 107, 143, 179, 214, 208, 202, 196];

/** The letters and colours stand for ratios from 1/2³ to 2³. A ratio is an expert's rows divided by the mean of its layer. */
const SPAN = 3;
/** Number of hottest and of coldest experts that are listed. */
const LISTED = 5;

export function heatMap(
  heat: Heat,
  { columns = Number.POSITIVE_INFINITY, colour = false }: HeatMapOptions = {},
): string {
  const { layers, experts } = heat;
  const label = String(layers - 1).length + 2;
  const room = Math.max(8, columns - label - 1);
  const perCell = Math.ceil(experts / Math.min(experts, room));
  const lines = [ruler(experts, perCell, label)];
  heat.counts.forEach((rows, layer) => {
    const ratios = ratiosOf(rows);
    let cells = '';
    for (let expert = 0; expert < experts; expert += perCell) {
      cells += cell(Math.max(...ratios.slice(expert, expert + perCell)), colour);
    }
    lines.push(`${String(layer).padStart(label - 1)} ${cells}${colour ? '\x1b[0m' : ''}`);
  });
  return [...lines, '', legend(perCell, colour), ...extremes(heat)].join('\n');
}

/** Rows of each expert divided by the mean of the layer. All ratios are 1 if no row was counted. */
function ratiosOf(rows: readonly number[]): number[] {
  const mean = rows.reduce((sum, count) => sum + count, 0) / rows.length;
  return rows.map((count) => (mean === 0 ? 1 : count / mean));
}

function cell(ratio: number, colour: boolean): string {
  const at = (Math.log2(ratio) + SPAN) / (2 * SPAN);
  const ramp = colour ? COLOURS.length : LETTERS.length;
  const step = Math.min(ramp - 1, Math.max(0, Math.floor(at * ramp)));
  return colour ? `\x1b[48;5;${COLOURS[step]}m ` : LETTERS.charAt(step);
}

/** A line that has the number of an expert above every tenth cell. */
function ruler(experts: number, perCell: number, label: number): string {
  let line = ' '.repeat(label);
  for (let expert = 0; expert < experts; expert += 10 * perCell) line += String(expert).padEnd(10);
  return line.trimEnd();
}

function legend(perCell: number, colour: boolean): string {
  const steps = (colour ? COLOURS : Array.from(LETTERS)).length;
  const ramp = Array.from({ length: steps }, (_, step) => {
    return cell(2 ** (((step + 0.5) / steps) * 2 * SPAN - SPAN), colour);
  }).join('');
  const shared = perCell === 1 ? '' : `; a cell shows the hottest of ${perCell} experts`;
  return `[${ramp}${colour ? '\x1b[0m' : ''}] 1/${2 ** SPAN} to ${2 ** SPAN} times the layer's mean${shared}`;
}

function extremes({ counts }: Heat): string[] {
  const units = counts.flatMap((rows, layer) => {
    const ratios = ratiosOf(rows);
    return rows.map((count, expert) => ({ layer, expert, count, ratio: ratios[expert]! }));
  });
  // Sorting is stable, so of equal experts the first is listed.
  const hottest = units.toSorted((a, b) => b.ratio - a.ratio).slice(0, LISTED);
  const coldest = units.toSorted((a, b) => a.ratio - b.ratio).slice(0, LISTED);
  const line = ({ layer, expert, count, ratio }: (typeof units)[number]) =>
    `  layer ${layer} expert ${expert}: ${ratio.toFixed(2)} times the mean, ${Math.round(count)} rows`;
  return ['hottest', ...hottest.map(line), 'coldest', ...coldest.map(line)];
}
