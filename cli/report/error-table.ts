// Formats what a conversion's rounding costs. Pure.
import { formatBytes } from '../../base/format-bytes.ts';
import type { KindErrors } from '../../model/convert/report/errors.ts';
import type { TextScore } from './score-text.ts';

/** Columns for `printTable`. */
export const errorHead = ['tensors', 'number', 'weights', 'relative error', 'worst weight'];

export function errorRows(errors: readonly KindErrors[]): string[][] {
  return errors.map(({ kind, tensors, values, relative, worst }) => {
    return [kind, String(tensors), String(values), percent(relative), percent(worst)];
  });
}

function percent(ratio: number): string {
  return ratio === 0 ? '0' : `${(100 * ratio).toPrecision(3)} %`;
}

export function scoreLine({ bits, bytes, tokens }: TextScore, name: string): string {
  return `${name}: ${(bits / bytes).toFixed(4)} bits per byte (${tokens} tokens, ${formatBytes(bytes)})`;
}
