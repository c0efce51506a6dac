// The complement of a shape: all other values of its kind, as shapes.
import { type Dfa, difference, everyText, isEmpty, listed, noText } from '../../language/dfa.ts';
import type { NumberTest } from '../numbers.ts';
import type { TextTest } from '../texts.ts';
import { type ArrayShape, anyArray, anyBoolean, anyObject, type ObjectShape, type Shape } from './shapes.ts';
import { any, never, type Terms } from './terms.ts';

/** Calls `narrowed` if some values are left out. A format has no complement, because its pattern may match too few strings. */
export function complement(shape: Shape, terms: Terms, narrowed: () => void): Shape[] {
  switch (shape.kind) {
    case 'null':
      return [];
    case 'boolean': {
      const values = anyBoolean.filter((value) => !shape.values.includes(value));
      return values.length === 0 ? [] : [{ kind: 'boolean', implicit: false, values }];
    }
    case 'number':
      return shape.tests.map((test) => ({ kind: 'number', implicit: false, tests: [oppositeNumber(test)] }));
    case 'string':
      return shape.tests.flatMap((test): Shape[] => {
        if (test.test === 'format') narrowed();
        const tests = oppositeText(test);
        return tests === undefined ? [] : [{ kind: 'string', implicit: false, tests: [tests] }];
      });
    case 'array':
      if (shape.unique !== undefined) narrowed();
      return arrays(shape, terms).map((made) => ({ kind: 'array', implicit: false, ...anyArray, ...made }));
    case 'object':
      return objects(shape, terms).map((made) => ({
        kind: 'object',
        implicit: false,
        ...anyObject,
        ...made,
      }));
    case 'is':
      return complement(asShape(shape.value, terms), terms, narrowed);
  }
}

function oppositeNumber(test: NumberTest): NumberTest {
  if (!('exclusive' in test)) return { ...test, negated: !test.negated };
  const side = test.test === 'minimum' ? 'maximum' : 'minimum';
  return { ...test, test: side, exclusive: !test.exclusive };
}

/**
 * The test that a string passes exactly if it fails `test`. Undefined if no string fails `test`, or if these strings are unknown.
 */
function oppositeText(test: TextTest): TextTest | undefined {
  switch (test.test) {
    case 'pattern':
    case 'among':
      return { ...test, negated: !test.negated };
    case 'minLength':
      return test.value === 0 ? undefined : { test: 'maxLength', value: test.value - 1 };
    case 'maxLength':
      return { test: 'minLength', value: test.value + 1 };
    case 'format':
      return undefined;
  }
}

function arrays({ prefix, rest, least, most, some }: ArrayShape, terms: Terms): Partial<ArrayShape>[] {
  const others =
    rest === any
      ? []
      : [{ from: prefix.length, term: terms.not(rest), least: 1, most: Number.POSITIVE_INFINITY }];
  return [
    ...prefix.flatMap((term, i) => {
      if (term === any) return [];
      return [{ least: i + 1, prefix: [...new Array(i).fill(any), terms.not(term)], restImplicit: false }];
    }),
    ...others.map((item) => ({ some: [item], restImplicit: false })),
    ...(least > 0 ? [{ most: least - 1 }] : []),
    ...(most < Number.POSITIVE_INFINITY ? [{ least: most + 1 }] : []),
    ...some.flatMap((item) => [
      ...(item.least > 0 ? [{ some: [{ ...item, least: 0, most: item.least - 1 }] }] : []),
      ...(item.most < Number.POSITIVE_INFINITY
        ? [{ some: [{ ...item, least: item.most + 1, most: Number.POSITIVE_INFINITY }] }]
        : []),
    ]),
  ];
}

function objects(
  { properties, others, required, least, most, some }: ObjectShape,
  terms: Terms,
): Partial<ObjectShape>[] {
  const declared = listed(properties.keys());
  const undeclared = (names: Dfa) => difference(names, declared);
  const coversAll = others.some(({ names }) => names === everyText);
  const uncovered = coversAll
    ? noText
    : others.reduce((left, { names }) => difference(left, names), undeclared(everyText));
  return [
    ...Array.from(required, (name) => ({ properties: new Map([[name, never]]) })),
    ...[...properties].flatMap(([name, term]) => {
      return term === any
        ? []
        : [{ properties: new Map([[name, terms.not(term)]]), required: new Set([name]) }];
    }),
    ...others.flatMap(({ names, term }) => {
      return term === any ? [] : [{ some: [{ names: undeclared(names), term: terms.not(term) }] }];
    }),
    ...(isEmpty(uncovered) ? [] : [{ some: [{ names: uncovered, term: any }] }]),
    ...(least > 0 ? [{ most: least - 1 }] : []),
    ...(most < Number.POSITIVE_INFINITY ? [{ least: most + 1 }] : []),
    ...some.map(({ names, term }) => ({
      others: [
        { names, term: terms.not(term), implicit: false },
        { names: difference(everyText, names), term: any, implicit: true },
      ].filter((each) => !isEmpty(each.names)),
    })),
  ];
}

/** The shape of exactly this object or array. */
function asShape(value: object, terms: Terms): Shape {
  if (Array.isArray(value)) {
    const prefix = value.map((item: unknown) => terms.is(item));
    return { kind: 'array', implicit: false, ...anyArray, prefix, least: value.length, most: value.length };
  }
  const properties = new Map(Object.entries(value).map(([name, each]) => [name, terms.is(each)]));
  return {
    kind: 'object',
    implicit: false,
    ...anyObject,
    properties,
    others: [],
    required: new Set(properties.keys()),
  };
}
