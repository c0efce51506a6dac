// Arrays as a grammar: the items of prefixItems, then so many others. Knows no other kind.
import {
  choice,
  type Expression,
  impossible,
  nothing,
  optional,
  repeat,
  sequence,
  text,
} from '../expression.ts';
import { comma } from '../json-text.ts';
import type { Schema, SchemaObject } from './keywords.ts';

/** Without `items`, none come after those of prefixItems but what minItems asks for. */
export function arrays(
  schema: SchemaObject,
  value: (schema: Schema, path: string) => Expression,
): Expression {
  const { prefixItems = [], items, minItems = 0 } = schema;
  const least = Math.max(0, minItems - prefixItems.length);
  const without = prefixItems.length > 0 ? prefixItems.length + least : Number.POSITIVE_INFINITY;
  const maxItems = Math.min(
    schema.maxItems ?? Number.POSITIVE_INFINITY,
    items === undefined ? without : Number.POSITIVE_INFINITY,
  );
  if (minItems > maxItems) return impossible;
  const first = prefixItems.slice(0, maxItems).map((item, i) => value(item, `.prefixItems[${i}]`));
  const impossibleAt = first.indexOf(impossible);
  const leading = impossibleAt < 0 ? first : first.slice(0, impossibleAt);
  const rest =
    maxItems > prefixItems.length && impossibleAt < 0 ? value(items ?? true, '.items') : impossible;
  const most = rest === impossible ? 0 : maxItems - prefixItems.length;
  if (leading.length + most < minItems) return impossible;
  return sequence(text('['), from(0), text(']'));

  /** What comes once so many are written. */
  function from(written: number): Expression {
    const parted = written === 0 ? nothing : comma;
    const next = leading[written];
    if (next === undefined) return others(written, parted);
    const all = sequence(parted, next, from(written + 1));
    return written < minItems ? all : optional(all);
  }

  function others(written: number, parted: Expression): Expression {
    if (most === 0) return nothing;
    if (written > 0) return repeat(sequence(comma, rest), least, most);
    const all = sequence(parted, rest, repeat(sequence(comma, rest), Math.max(0, least - 1), most - 1));
    return least === 0 ? choice(nothing, all) : all;
  }
}
