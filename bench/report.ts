// Prints the table and the line of JSON from samples.
import { type FloorShape, stepBytes } from './parts/floor.ts';
import { type Figure, floorOf, type Row, type Subject, type Target, type Unit } from './parts/rows.ts';
import type { Samples } from './samples.ts';

export interface ReportFacts {
  shape: FloorShape;
  /** Read by all threads together. Bytes a second. */
  bandwidth: number | undefined;
  /** Of the bundle on disk. */
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
  /** Ours over the peer's. */
  ratio: number | undefined;
  /** Of the figure named in `note`. */
  share: number | undefined;
  floorShare: number | undefined;
  target: string | undefined;
  met: boolean | undefined;
  note: string;
  samples: { ours: readonly number[]; peer: readonly number[] };
}

export function lineOf(row: Row, samples: Samples, facts: ReportFacts): Line {
  const { name, title, unit, ours, peer, against, floor } = row;
  const [subject, figure] = ours;
  const value = figureOf(samples, subject, figure, facts);
  const peerValue = peer === undefined ? undefined : figureOf(samples, 'peer', peer, facts);
  const ratio = quotient(value, peerValue);
  const share = against === undefined ? undefined : quotient(value, figureOf(samples, ...against.of, facts));
  const target = facts.judged ? row.target : undefined;
  const reached = target === undefined ? undefined : reachedOf(target, { value, ratio, share, facts });
  const failures = [
    samples.failure(...ours),
    peer === undefined ? undefined : samples.failure('peer', peer),
  ].filter((reason) => reason !== undefined);
  const words = share === undefined ? [] : [`${share.toFixed(2)}x ${against?.words}${aimText(against?.aim)}`];
  return {
    name,
    title,
    unit,
    ours: value,
    peer: peerValue,
    ratio,
    share,
    floorShare: floor === undefined ? undefined : floorShare(value, floor, facts),
    target: target === undefined ? undefined : targetText(target, unit),
    met: target === undefined || reached === undefined ? undefined : isMet(target, reached),
    note: [...words, ...failures.map((reason) => `failed: ${reason.split('\n')[0]?.slice(0, 120)}`)].join(
      '; ',
    ),
    samples: {
      ours: samples.of(subject, floorOf[figure]?.figure ?? figure),
      peer: peer === undefined ? [] : samples.of('peer', floorOf[peer]?.figure ?? peer),
    },
  };
}

/** GitHub's Markdown, padded so that it reads as text. */
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

function floorShare(
  rate: number | undefined,
  { streams, positions }: { streams: number; positions: number },
  { shape, bandwidth }: ReportFacts,
): number | undefined {
  if (rate === undefined || bandwidth === undefined) return undefined;
  const floorSeconds = stepBytes(shape, { streams, positions }) / bandwidth;
  return floorSeconds / (streams / rate);
}

function reachedOf(
  target: Target,
  {
    value,
    ratio,
    share,
    facts,
  }: Pick<Line, 'ratio' | 'share'> & { value: number | undefined; facts: ReportFacts },
): number | undefined {
  switch (target.of) {
    case 'peer':
      return ratio;
    case 'against':
      return share;
    case 'value':
      return value;
    case 'bundle':
      return quotient(value, facts.bundleBytes);
  }
}

function isMet(target: Target, reached: number): boolean {
  return 'atLeast' in target ? reached >= target.atLeast : reached <= target.atMost;
}

function targetText(target: Target, unit: Unit): string {
  const bound = 'atLeast' in target ? `>= ${bare(target.atLeast)}` : `<= ${bare(target.atMost)}`;
  if (target.of === 'peer') return `${bound}x`;
  if (target.of === 'against') return `${bound}x greedy`;
  if (target.of === 'bundle') return `${bound}x the bundle`;
  return unit === 'share' && 'atLeast' in target ? `>= ${percent(target.atLeast)}` : `${bound} ${unit}`;

  function bare(value: number): string {
    return String(value);
  }
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

function aimText(aim: number | undefined): string {
  return aim === undefined ? '' : ` (aim ${aim}x)`;
}

function quotient(a: number | undefined, b: number | undefined): number | undefined {
  return a === undefined || b === undefined || b === 0 ? undefined : a / b;
}
