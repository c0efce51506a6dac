// Builds the shapes of one schema from its own keywords, kind by kind. References and combined schemas are not looked at here.
import { within } from '../../fault.ts';
import { type Dfa, difference, everyText, intersection, isEmpty, matches } from '../../language/dfa.ts';
import { formats } from '../formats.ts';
import { assertions, type Keywords, type Kind, kinds, type Schema } from '../keywords.ts';
import type { NumberTest } from '../numbers.ts';
import { step } from '../pointer.ts';
import { patternTexts, type TextTest } from '../texts.ts';
import { otherNames } from './meet.ts';
import { type ArrayShape, type ObjectShape, type OtherNames, type Shape, universal } from './shapes.ts';
import { any, never, type Term, type Terms } from './terms.ts';

interface OwnOptions {
  terms: Terms;
  /** The strings that satisfy a term. */
  stringsOf: (term: Term) => Dfa;
}

/** One shape for each allowed kind, from the keywords that apply to that kind. */
export function ownShapes(keywords: Keywords, path: string, options: OwnOptions): readonly Shape[] {
  const { type } = keywords;
  const spoken = new Set<Kind>();
  for (const name of Object.keys(keywords) as (keyof Keywords)[]) {
    const { kind } = assertions[name];
    if (kind !== undefined && keywords[name] !== undefined) spoken.add(kind);
  }
  const allowed =
    type === undefined
      ? kinds
      : kinds.filter((kind) => type.includes(kind) || (kind === 'number' && type.includes('integer')));
  return allowed.flatMap((kind): Shape[] => {
    const implicit = type === undefined && !spoken.has(kind);
    return [{ ...ofKind(kind, keywords, path, options), implicit } as Shape];
  });
}

function ofKind(kind: Kind, keywords: Keywords, path: string, options: OwnOptions): Shape {
  switch (kind) {
    case 'object':
      return objectShape(keywords, path, options);
    case 'array':
      return arrayShape(keywords, path, options);
    case 'string':
      return { kind, implicit: false, tests: textTests(keywords, path) };
    case 'number':
      return { kind, implicit: false, tests: numberTests(keywords) };
    default:
      return universal(kind);
  }
}

function objectShape(keywords: Keywords, path: string, { terms, stringsOf }: OwnOptions): ObjectShape {
  const { properties = {}, patternProperties = {}, additionalProperties, propertyNames } = keywords;
  const { required = [], minProperties = 0, maxProperties = Number.POSITIVE_INFINITY } = keywords;
  const of = (schema: Schema) => terms.of(schema);
  const rest: OtherNames = {
    names: everyText,
    term: of(additionalProperties ?? true),
    implicit: additionalProperties === undefined,
  };
  const patterns = Object.entries(patternProperties).map(([pattern, schema]) => {
    const at = `${path}.patternProperties${step(pattern)}`;
    return { names: within(at, () => patternTexts(pattern)), term: of(schema) };
  });
  const shape: ObjectShape = {
    ...anyShape('object'),
    others: nameSets(patterns).map(({ names, terms: own }) => {
      return own.length === 0 ? { ...rest, names } : { names, term: terms.all(...own), implicit: false };
    }),
    properties: new Map(
      Object.entries(properties).map(([name, schema]) => {
        const matching = patterns.filter((each) => matches(each.names, name));
        return [name, terms.all(of(schema), ...matching.map(({ term }) => term))];
      }),
    ),
    required: new Set(required),
    least: minProperties,
    most: maxProperties,
  };
  return propertyNames === undefined ? shape : named(shape, stringsOf(of(propertyNames)), terms);
}

/** The shape of the objects of `shape` whose property names are all in `names`. */
function named(shape: ObjectShape, names: Dfa, terms: Terms): ObjectShape {
  const properties = new Map(shape.properties);
  for (const name of properties.keys()) if (!matches(names, name)) properties.set(name, never);
  const required = [...shape.required].filter((name) => !properties.has(name) && !matches(names, name));
  for (const name of required) properties.set(name, never);
  const explicit = shape.others.map((each) => ({
    ...each,
    implicit: names === everyText && each.implicit,
  }));
  return {
    ...shape,
    properties,
    others: otherNames(explicit, [{ names, term: any, implicit: false }], terms),
  };
}

function arrayShape(keywords: Keywords, path: string, { terms }: OwnOptions): ArrayShape {
  const {
    prefixItems = [],
    items,
    contains,
    minContains = 1,
    maxContains = Number.POSITIVE_INFINITY,
  } = keywords;
  const { minItems = 0, maxItems = Number.POSITIVE_INFINITY, uniqueItems = false } = keywords;
  const of = (schema: Schema) => terms.of(schema);
  return {
    ...anyShape('array'),
    prefix: prefixItems.map(of),
    rest: of(items ?? true),
    restImplicit: items === undefined,
    least: minItems,
    most: maxItems,
    some:
      contains === undefined ? [] : [{ from: 0, term: of(contains), least: minContains, most: maxContains }],
    unique: uniqueItems && maxItems > 1 ? `${path}.uniqueItems` : undefined,
  };
}

/** The shape of all values of the kind. */
export function anyShape<K extends 'array' | 'object'>(kind: K): Extract<Shape, { kind: K }> {
  return universal(kind) as Extract<Shape, { kind: K }>;
}

function numberTests({ type, ...bounds }: Keywords): NumberTest[] {
  const { minimum, maximum, exclusiveMinimum, exclusiveMaximum, multipleOf } = bounds;
  const tests: NumberTest[] = [];
  if (type?.includes('integer') && !type.includes('number')) tests.push({ test: 'integer', negated: false });
  const bound = (test: 'minimum' | 'maximum', value: number | undefined, exclusive: boolean) => {
    if (value !== undefined) tests.push({ test, value, exclusive });
  };
  bound('minimum', minimum, false);
  bound('minimum', exclusiveMinimum, true);
  bound('maximum', maximum, false);
  bound('maximum', exclusiveMaximum, true);
  if (multipleOf !== undefined) tests.push({ test: 'multipleOf', value: multipleOf, negated: false });
  return tests;
}

/** Ignores a format that JSON Schema does not define, because such a format is an annotation of the schema's author. */
function textTests({ pattern, format, minLength, maxLength }: Keywords, path: string): TextTest[] {
  const tests: TextTest[] = [];
  if (pattern !== undefined)
    tests.push({ test: 'pattern', value: pattern, negated: false, path: `${path}.pattern` });
  if (format !== undefined && Object.hasOwn(formats, format))
    tests.push({ test: 'format', value: format, path: `${path}.format` });
  if (minLength !== undefined) tests.push({ test: 'minLength', value: minLength });
  if (maxLength !== undefined) tests.push({ test: 'maxLength', value: maxLength });
  return tests;
}

/** Divides all names into sets. The names in one set match the same patterns; `terms` are the terms of these patterns. */
function nameSets(patterns: readonly { names: Dfa; term: Term }[]): { names: Dfa; terms: readonly Term[] }[] {
  let sets: { names: Dfa; terms: readonly Term[] }[] = [{ names: everyText, terms: [] }];
  for (const { names, term } of patterns) {
    sets = sets
      .flatMap((set) => [
        { names: intersection(set.names, names), terms: [...set.terms, term] },
        { names: difference(set.names, names), terms: set.terms },
      ])
      .filter((set) => !isEmpty(set.names));
  }
  return sets;
}

/** The shapes `present`, and those of values that are not objects and of objects without the property `name`. */
export function withOrWithout(name: string, present: readonly Shape[]): readonly Shape[] {
  const absent: Shape = { ...anyShape('object'), implicit: true, properties: new Map([[name, never]]) };
  const elsewhere = kinds.filter((kind) => kind !== 'object').map((kind) => universal(kind, true));
  return [...elsewhere, absent, ...present];
}
