// The shapes of the values that `enum` and `const` list.
import { isDeepStrictEqual } from 'node:util';
import { ConstraintFault } from '../../fault.ts';
import type { Keywords } from '../keywords.ts';
import type { Shape } from './shapes.ts';

/** Most objects and arrays in one `enum`. */
const MOST_STRUCTURES = 5000;

/** The values that both `enum` and `const` allow. Undefined if the schema has neither keyword. */
export function valuesOf(keywords: Keywords): readonly unknown[] | undefined {
  const { enum: all } = keywords;
  if (!('const' in keywords)) return all;
  if (all === undefined) return [keywords.const];
  return all.filter((value) => isDeepStrictEqual(value, keywords.const));
}

export function shapeOfValue(value: unknown): Shape {
  if (typeof value === 'object' && value !== null) return { kind: 'is', implicit: false, value };
  if (typeof value === 'boolean') return { kind: 'boolean', implicit: false, values: [value] };
  if (typeof value === 'number') return numberAmong([value]);
  if (typeof value === 'string') return textAmong([value]);
  return { kind: 'null', implicit: false };
}

/** All numbers share one shape, and all strings share another. Each other value has a shape of its own. */
export function shapesOfValues(values: readonly unknown[]): readonly Shape[] {
  const numbers = values.filter((value) => typeof value === 'number');
  const texts = values.filter((value) => typeof value === 'string');
  const others = values.filter((value) => typeof value !== 'number' && typeof value !== 'string');
  if (others.length > MOST_STRUCTURES) {
    throw new ConstraintFault(
      `more than ${MOST_STRUCTURES} objects and lists to choose from are not supported`,
    );
  }
  return [
    ...(numbers.length > 0 ? [numberAmong(numbers)] : []),
    ...(texts.length > 0 ? [textAmong(texts)] : []),
    ...others.map(shapeOfValue),
  ];
}

function numberAmong(values: readonly number[]): Shape {
  return { kind: 'number', implicit: false, tests: [{ test: 'among', values, negated: false }] };
}

function textAmong(values: readonly string[]): Shape {
  return { kind: 'string', implicit: false, tests: [{ test: 'among', values, negated: false }] };
}
