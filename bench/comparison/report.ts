// Turns samples into the lines of the comparison and its table.
import { type FloorShape, stepBytes } from './floor.ts';
import { type Figure, type Floor, floorOf, type Row, type Subject, type Target, type Unit } from './rows.ts';
import type { Samples } from './samples.ts';

interface ReportFacts {
  shape: FloorShape;
  /** Bytes a second that all threads together read from memory. */
  bandwidth: number | undefined;
  /** Size of the bundle on disk. */
  bundleBytes: number;
  /** Whether the targets apply to this run. */
  judged: boolean;
}

export interface Line {
  name: string;
  title: string;
  unit: Unit;
  ours: number | undefined;
  peer: number | undefined;
  /** Our figure divided by llama.cpp's. */
  ratio: number | undefined;
  /** Our figure divided by the figure that `note` names. */
  share: number | undefined;
  /** Least possible time of a step divided by its measured time. */
  floorShare: number | undefined;
  target: string | undefined;
  met: boolean | undefined;
  note: string;
  samples: { ours: readonly number[]; peer: readonly number[] };
}

export function lineOf(row: Row, samples: Samples, facts: ReportFacts): Line {
  const { name, title, unit, subject, figure, against, floor } = row;
  const value = figureOf(samples, subject, figure, facts);
  const peerValue = figureOf(samples, 'peer', figure, facts);
  const ratio = quotient(value, peerValue);
  const share = against === undefined ? undefined : quotient(value, figureOf(samples, ...against.of, facts));
  const target = facts.judged ? row.target : undefined;
  const reached =
    target && { peer: ratio, against: share, value, bundle: quotient(value, facts.bundleBytes) }[target.of];
  const failures = [samples.failure(subject, figure), samples.failure('peer', figure)];
  const words = share === undefined ? [] : [`${share.toFixed(2)}x ${against?.words}`];
  const reasons = failures.flatMap((reason) =>
    reason === undefined ? [] : `failed: ${reason.split('\n')[0]?.slice(0, 120)}`,
  );
  const measured = floorOf[figure]?.figure ?? figure;
  return {
    name,
    title,
    unit,
    ours: value,
    peer: peerValue,
    ratio,
    share,
    floorShare: floor && floorShare(value, floor, facts),
    target: target && targetText(target, row),
    met: target === undefined || reached === undefined ? undefined : isMet(target, reached),
    note: [...words, ...reasons].join('; '),
    samples: { ours: samples.of(subject, measured), peer: samples.of('peer', measured) },
  };
}

/** A Markdown table, padded so that it is also readable as text. */
export function tableOf(lines: readonly Line[]): string {
  const head = ['figure', 'ours', 'peer', 'ratio', 'target', 'met', 'of the floor', 'note'];
  const body = lines.map(({ title, unit, ours, peer, ratio, target, met, floorShare: share, note }) => [
    title,
    amount(ours, unit),
    amount(peer, unit),
    ratio === undefined ? '' : `${ratio.toFixed(2)}x`,
    target ?? '',
    met === undefined ? '' : met ? 'yes' : 'no',
    share === undefined ? '' : percent(share),
    note,
  ]);
  const widths = head.map((title, i) =>
    Math.max(title.length, ...body.map((cells) => cells[i]?.length ?? 0)),
  );
  const line = (cells: readonly string[]) =>
    `| ${cells.map((cell, i) => cell.padEnd(widths[i] ?? 0)).join(' | ')} |`;
  return [line(head), `|${widths.map((width) => '-'.repeat(width + 2)).join('|')}|`, ...body.map(line)].join(
    '\n',
  );
}

function figureOf(
  samples: Samples,
  subject: Subject,
  figure: Figure,
  facts: ReportFacts,
): number | undefined {
  const floor = floorOf[figure];
  return floor === undefined
    ? samples.median(subject, figure)
    : floorShare(samples.median(subject, floor.figure), floor, facts);
}

/** Least possible time of a step divided by its time at this decode rate (tokens a second). */
function floorShare(
  rate: number | undefined,
  { streams, positions }: Floor,
  { shape, bandwidth }: ReportFacts,
): number | undefined {
  if (rate === undefined || bandwidth === undefined) return undefined;
  const floorSeconds = stepBytes(shape, { streams, positions }) / bandwidth;
  return floorSeconds / (streams / rate);
}

function isMet(target: Target, reached: number): boolean {
  return 'atLeast' in target ? reached >= target.atLeast : reached <= target.atMost;
}

function targetText(target: Target, { unit, against }: Row): string {
  const bound = 'atLeast' in target ? `>= ${target.atLeast}` : `<= ${target.atMost}`;
  if (target.of === 'peer') return `${bound}x`;
  if (target.of === 'against') return `${bound}x ${against?.words}`;
  if (target.of === 'bundle') return `${bound}x the bundle`;
  return unit === 'share' && 'atLeast' in target ? `>= ${percent(target.atLeast)}` : `${bound} ${unit}`;
}

function amount(value: number | undefined, unit: Unit): string {
  if (value === undefined) return '-';
  if (unit === 'bytes') return `${(value / 1e9).toFixed(2)} GB`;
  if (unit === 'share') return percent(value);
  return unit === 's' ? `${value.toFixed(2)} s` : value.toFixed(1);
}

function percent(share: number): string {
  return `${Math.round(100 * share)} %`;
}

function quotient(a: number | undefined, b: number | undefined): number | undefined {
  return a === undefined || b === undefined || b === 0 ? undefined : a / b;
}
