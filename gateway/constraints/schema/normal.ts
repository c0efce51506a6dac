// From what a value is asked for to shapes of which one must hold: keywords, references and what joins schemas, worked out one level
// deep. Pure; knows no grammar.
import { isDeepStrictEqual } from 'node:util';
import { ConstraintFault, within } from '../fault.ts';
import {
  type Dfa,
  difference,
  everyText,
  intersection,
  isEmpty,
  listed,
  matches,
  noText,
  spendStates,
  unionOf,
} from '../language/dfa.ts';
import { complement } from './complement.ts';
import type { Document, SchemaNode } from './document.ts';
import { formats } from './formats.ts';
import { type Keywords, type Kind, kindOfKeyword, kinds, readKeywords, type Schema } from './keywords.ts';
import { meet, otherNames, propertyTerm } from './meet.ts';
import { hasNumber, type NumberTest, numberTexts } from './numbers.ts';
import { step } from './pointer.ts';
import {
  type ArrayShape,
  anyArray,
  anyBoolean,
  anyObject,
  kindOf,
  kindOfShape,
  type ObjectShape,
  type OtherNames,
  type Shape,
  universal,
} from './shapes.ts';
import { any, never, type Term, Terms } from './terms.ts';
import { allTextsOf, hasText, noneOf, patternTexts, type TextTest, valuesAmong } from './texts.ts';
import { sortedJson } from './values.ts';

/** Alternatives of one term, at most. */
const MOST_SHAPES = 400;
/** Alternatives that are left of a branch once others are taken from it, at most. */
const MOST_LEFT = 32;
/** Terms that are looked into at once, each for the one before. */
const MOST_OPEN = 300;
/** Comparisons of values with terms for one schema, at most: some tenths of a second. */
const MOST_COMPARED = 200_000;
/** Objects and lists in one `enum`. */
const MOST_STRUCTURES = 5000;
/** Pairs of shapes that are joined for one schema, at most: about a second. */
const MOST_MEETINGS = 50_000;
/** Values of required properties are looked into so deep to see whether there are any. */
const DEEPEST_LOOK = 3;

export class Normalizer {
  readonly terms = new Terms();
  readonly #document: Document;
  readonly #shapes = new Map<number, readonly Shape[]>();
  readonly #open = new Set<number>();
  /** Terms some of whose values were left out: what is not of them cannot be told. */
  readonly #narrowed = new Set<number>();
  #met = 0;
  #depth = 0;
  #compared = 0;
  /** How often values were left out: whether it grew tells of a stretch of work. */
  #narrowings = 0;
  /** A value is being compared with what it must not be. */
  #inNegation = false;

  constructor(document: Document) {
    this.#document = document;
  }

  /** None: no value satisfies it. Throws a ConstraintFault that names the keyword that cannot be held. */
  shapesOf(term: Term): readonly Shape[] {
    const known = this.#shapes.get(term.id);
    if (known !== undefined) {
      if (this.#narrowed.has(term.id)) this.#narrow();
      return known;
    }
    if (this.#open.has(term.id)) {
      throw new ConstraintFault('it is asked for itself', this.pathOf(term), { invalid: true });
    }
    if (this.#open.size >= MOST_OPEN) {
      const message = `its references lead through more than ${MOST_OPEN} schemas at once`;
      throw new ConstraintFault(message, this.pathOf(term), { costly: true });
    }
    this.#open.add(term.id);
    try {
      const shapes = this.#look(term);
      this.#shapes.set(term.id, shapes);
      return shapes;
    } finally {
      this.#open.delete(term.id);
    }
  }

  /** Whether values were left out anywhere. */
  get narrowed(): boolean {
    return this.#narrowed.size > 0;
  }

  /** Of all terms that are being looked at. */
  #narrow(): void {
    this.#narrowings++;
    for (const id of this.#open) this.#narrowed.add(id);
  }

  /** Shapes that leave nothing out. Throws a ConstraintFault where there are none. */
  #exactly(term: Term): readonly Shape[] {
    const shapes = this.shapesOf(term);
    if (!this.#narrowed.has(term.id)) return shapes;
    throw new ConstraintFault('what does not satisfy this part cannot be told', this.pathOf(term));
  }

  /** Whether a JSON value satisfies the term. Throws a ConstraintFault where that cannot be told, or takes too long. */
  holds(value: unknown, term: Term): boolean {
    if (++this.#compared > MOST_COMPARED) throw this.#multiplies(term);
    if (term.kind === 'any' || term.kind === 'never') return term.kind === 'any';
    if (term.kind === 'is') return isDeepStrictEqual(value, term.value);
    if (term.kind === 'not') {
      this.#exactly(term.of);
      const outer = this.#inNegation;
      this.#inNegation = true;
      try {
        return !this.holds(value, term.of);
      } finally {
        this.#inNegation = outer;
      }
    }
    if (term.kind === 'all') return term.of.every((each) => this.holds(value, each));
    if (this.shapesOf(term).some((shape) => this.#has(value, shape))) return true;
    // The value may be among those that were left out.
    if (this.#inNegation) this.#exactly(term);
    return false;
  }

  /** Where a schema is that the term is made of, for errors. */
  pathOf(term: Term): string {
    if (term.kind === 'schema') return this.#document.path(term.node);
    if (term.kind === 'not') return this.pathOf(term.of);
    if (term.kind === 'all')
      return term.of.map((each) => this.pathOf(each)).find((path) => path !== '') ?? '';
    return '';
  }

  #look(term: Term): readonly Shape[] {
    switch (term.kind) {
      case 'any':
        return kinds.map((kind) => universal(kind, true));
      case 'never':
        return [];
      case 'is':
        return [this.#value(term.value)];
      case 'not':
        return this.#complement(this.#exactly(term.of));
      case 'all':
        return term.of.map((each) => this.shapesOf(each)).reduce((all, each) => this.#both(all, each, term));
      case 'schema':
        return this.#schema(term.node, term);
    }
  }

  #value(value: unknown): Shape {
    const kind = kindOf(value);
    if (typeof value === 'object' && value !== null) return { kind: 'is', implicit: false, value };
    if (kind === 'boolean') return { kind, implicit: false, values: [value as boolean] };
    if (kind === 'number') {
      return { kind, implicit: false, tests: [{ test: 'among', values: [value as number], negated: false }] };
    }
    if (kind === 'string') {
      return { kind, implicit: false, tests: [{ test: 'among', values: [value as string], negated: false }] };
    }
    return { kind: 'null', implicit: false };
  }

  /** Of a list of values: one shape for all of a kind, but for objects and lists. */
  #values(values: readonly unknown[]): readonly Shape[] {
    const numbers = values.filter((value) => typeof value === 'number');
    const texts = values.filter((value) => typeof value === 'string');
    const others = values.filter((value) => typeof value !== 'number' && typeof value !== 'string');
    if (others.length > MOST_STRUCTURES) {
      throw new ConstraintFault(
        `more than ${MOST_STRUCTURES} objects and lists to choose from are not supported`,
      );
    }
    return [
      ...(numbers.length > 0
        ? [
            {
              kind: 'number' as const,
              implicit: false,
              tests: [{ test: 'among' as const, values: numbers, negated: false }],
            },
          ]
        : []),
      ...(texts.length > 0
        ? [
            {
              kind: 'string' as const,
              implicit: false,
              tests: [{ test: 'among' as const, values: texts, negated: false }],
            },
          ]
        : []),
      ...others.map((value) => this.#value(value)),
    ];
  }

  #schema(node: SchemaNode, term: Term): readonly Shape[] {
    const keywords = readKeywords(node, this.#document);
    let shapes = this.#ownShapes(keywords, this.#document.path(node));
    const and = (more: readonly Shape[]) => {
      shapes = this.#both(shapes, more, term);
    };
    const values = valuesOf(keywords);
    if (values !== undefined) and(within(`${this.#document.path(node)}.enum`, () => this.#values(values)));
    const of = (schema: Schema) => this.terms.of(schema);
    const { $ref, allOf = [], anyOf, oneOf, not, dependentRequired = {}, dependentSchemas = {} } = keywords;
    if ($ref !== undefined) and(this.#followed($ref, node));
    for (const each of allOf) and(this.shapesOf(of(each)));
    if (not !== undefined) and(this.shapesOf(this.terms.not(of(not))));
    if (oneOf !== undefined) and(this.#oneOf(oneOf.map(of), shapes, term));
    if (anyOf !== undefined) and(anyOf.flatMap((each) => this.shapesOf(of(each))));
    if (keywords.if !== undefined) {
      const condition = of(keywords.if);
      const then = this.terms.all(condition, of(keywords.then ?? true));
      const otherwise = this.terms.all(this.terms.not(condition), of(keywords.else ?? true));
      and([...this.shapesOf(then), ...this.shapesOf(otherwise)]);
    }
    for (const [name, names] of Object.entries(dependentRequired)) {
      and(withOrWithout(name, [{ ...anyShape('object'), required: new Set([name, ...names]) }]));
    }
    for (const [name, schema] of Object.entries(dependentSchemas)) {
      const present: Shape[] = [{ ...anyShape('object'), required: new Set([name]) }];
      const inObjects = this.shapesOf(of(schema)).filter((shape) => kindOfShape(shape) === 'object');
      and(withOrWithout(name, this.#both(present, inObjects, term)));
    }
    return shapes;
  }

  #followed(reference: string, from: SchemaNode): readonly Shape[] {
    const target = this.terms.of(this.#document.follow(reference, from));
    if (!this.#open.has(target.id)) return this.shapesOf(target);
    const message = `the reference ${JSON.stringify(reference)} leads back to itself`;
    throw new ConstraintFault(message, `${this.#document.path(from)}.$ref`, { invalid: true });
  }

  /** By the keywords that speak of one kind each. */
  #ownShapes(keywords: Keywords, path: string): readonly Shape[] {
    const { type } = keywords;
    const spoken = new Set<Kind>();
    for (const name of Object.keys(keywords) as (keyof Keywords)[]) {
      const kind = kindOfKeyword[name];
      if (kind !== undefined && keywords[name] !== undefined) spoken.add(kind);
    }
    const allowed =
      type === undefined
        ? kinds
        : kinds.filter((kind) => type.includes(kind) || (kind === 'number' && type.includes('integer')));
    return allowed.flatMap((kind): Shape[] => {
      const shape = this.#kind(kind, keywords, path);
      const implicit = type === undefined && !spoken.has(kind);
      return shape === undefined || this.#isImpossible(shape) ? [] : [{ ...shape, implicit } as Shape];
    });
  }

  #kind(kind: Kind, keywords: Keywords, path: string): Shape | undefined {
    switch (kind) {
      case 'object':
        return this.#object(keywords, path);
      case 'array':
        return this.#array(keywords, path);
      case 'string':
        return { kind, implicit: false, tests: textTests(keywords, path) };
      case 'number':
        return { kind, implicit: false, tests: numberTests(keywords) };
      default:
        return universal(kind);
    }
  }

  #object(keywords: Keywords, path: string): ObjectShape {
    const { properties = {}, patternProperties = {}, additionalProperties, propertyNames } = keywords;
    const { required = [], minProperties = 0, maxProperties = Number.POSITIVE_INFINITY } = keywords;
    const of = (schema: Schema) => this.terms.of(schema);
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
      others: nameSets(patterns).map(({ names, terms }) => {
        return terms.length === 0
          ? { ...rest, names }
          : { names, term: this.terms.all(...terms), implicit: false };
      }),
      properties: new Map(
        Object.entries(properties).map(([name, schema]) => {
          const matching = patterns.filter((each) => matches(each.names, name));
          return [name, this.terms.all(of(schema), ...matching.map(({ term }) => term))];
        }),
      ),
      required: new Set(required),
      least: minProperties,
      most: maxProperties,
    };
    return propertyNames === undefined ? shape : this.#named(shape, of(propertyNames));
  }

  /** Names that do not satisfy the term may not come. */
  #named(shape: ObjectShape, term: Term): ObjectShape {
    const names = this.#strings(term);
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
      others: otherNames(explicit, [{ names, term: any, implicit: false }], this.terms),
    };
  }

  /** The strings that satisfy a term. */
  #strings(term: Term): Dfa {
    return this.shapesOf(term).reduce((names, shape) => {
      return shape.kind === 'string' ? unionOf(names, allTextsOf(shape.tests)) : names;
    }, noText);
  }

  #array(keywords: Keywords, path: string): ArrayShape {
    const {
      prefixItems = [],
      items,
      contains,
      minContains = 1,
      maxContains = Number.POSITIVE_INFINITY,
    } = keywords;
    const { minItems = 0, maxItems = Number.POSITIVE_INFINITY, uniqueItems = false } = keywords;
    const of = (schema: Schema) => this.terms.of(schema);
    return {
      ...anyShape('array'),
      prefix: prefixItems.map(of),
      rest: of(items ?? true),
      restImplicit: items === undefined,
      least: minItems,
      most: maxItems,
      some:
        contains === undefined
          ? []
          : [{ from: 0, term: of(contains), least: minContains, most: maxContains }],
      unique: uniqueItems && maxItems > 1 ? `${path}.uniqueItems` : undefined,
    };
  }

  /** Each branch without the values that another one has too. `among`: what the value is asked for otherwise. */
  #oneOf(branches: readonly Term[], among: readonly Shape[], term: Term): readonly Shape[] {
    // Of a branch that is held more narrowly than it is meant, the values that were left out may be the same ones.
    const whole: (readonly Shape[])[] = [];
    const own = branches.map((branch) => {
      const shapes = this.shapesOf(branch);
      const before = this.#narrowings;
      const both = this.#both(among, shapes, term);
      const outer = this.#narrowed.has(branch.id) ? this.#outerShapes(branch) : shapes;
      whole.push(this.#narrowings > before || outer !== shapes ? outer : both);
      return both;
    });
    return own.flatMap((shapes, i) => {
      return branches.reduce((left, branch, j) => {
        if (i === j || left.length === 0 || !this.#overlap(left, whole[j] ?? [], term)) return left;
        return this.#both(left, this.shapesOf(this.terms.not(branch)), term, MOST_LEFT);
      }, shapes);
    });
  }

  /** Shapes of all values that may satisfy a term of which some were left out, and perhaps of more values. */
  #outerShapes(term: Term): readonly Shape[] {
    const before = this.#narrowings;
    if (term.kind === 'schema') {
      const keywords = readKeywords(term.node, this.#document);
      const shapes = this.#ownShapes(keywords, this.#document.path(term.node));
      if (this.#narrowings === before) return shapes;
    }
    return kinds.map((kind) => universal(kind));
  }

  #complement(shapes: readonly Shape[]): readonly Shape[] {
    return kinds.flatMap((kind) => {
      const own = shapes.filter((shape) => kindOfShape(shape) === kind);
      const all: readonly Shape[] = [universal(kind, own.length === 0)];
      return own.reduce(
        (left, shape) =>
          this.#both(
            left,
            complement(shape, this.terms, () => this.#narrow()),
            any,
            MOST_LEFT,
          ),
        all,
      );
    });
  }

  /**
   * Pairs that can hold at once. `term`: for errors. `enough`: so many will do; others are left out, for what is written may be
   * less than what a schema allows.
   */
  #both(
    a: readonly Shape[],
    b: readonly Shape[],
    term: Term,
    enough = Number.POSITIVE_INFINITY,
  ): readonly Shape[] {
    if (isAny(a)) return b;
    if (isAny(b)) return a;
    const found = new Map<string, Shape>();
    for (const shape of this.#meetings(a, b, term)) {
      if (found.size >= enough) {
        this.#narrow();
        break;
      }
      found.set(keyOf(shape), shape);
      if (found.size > MOST_SHAPES) throw this.#multiplies(term);
    }
    return [...found.values()];
  }

  /** Whether some value may have a shape of both; true too where values were left out on the way. */
  #overlap(a: readonly Shape[], b: readonly Shape[], term: Term): boolean {
    const before = this.#narrowings;
    return this.#meetings(a, b, term).next().done !== true || this.#narrowings > before;
  }

  *#meetings(a: readonly Shape[], b: readonly Shape[], term: Term): Generator<Shape, void, undefined> {
    const holds = (value: unknown, shape: Shape) => this.#has(value, shape);
    for (const one of a) {
      for (const other of b) {
        if (kindOfShape(one) !== kindOfShape(other)) continue;
        const cost = costOf(one, other);
        this.#met += cost;
        spendStates(cost);
        if (this.#met > MOST_MEETINGS) throw this.#multiplies(term);
        const shape = meet(one, other, { terms: this.terms, holds });
        if (shape === undefined) continue;
        for (const each of placed(shape, this.terms)) if (!this.#isImpossible(each)) yield each;
      }
    }
  }

  #multiplies(term: Term): ConstraintFault {
    const message = 'its references and alternatives multiply too much';
    return new ConstraintFault(message, this.pathOf(term), { costly: true });
  }

  /** True: no value has the shape. False: perhaps some. */
  #isImpossible(shape: Shape): boolean {
    switch (shape.kind) {
      case 'number':
        return noNumber(shape.tests);
      case 'string':
        return noneOf(shape.tests);
      case 'array':
        if (shape.least > shape.most) return true;
        return (
          Array.from({ length: Math.min(shape.least, shape.prefix.length) }).some((_, i) => {
            return this.#isNever(shape.prefix[i] ?? any);
          }) ||
          (shape.least > shape.prefix.length && this.#isNever(shape.rest))
        );
      case 'object':
        if (shape.least > shape.most || shape.required.size > shape.most) return true;
        if (shape.some.some(({ names }) => isEmpty(names))) return true;
        return [...shape.required].some((name) => this.#isNever(propertyTerm(shape, name)));
      default:
        return false;
    }
  }

  /** Looks into what is joined only: a schema alone is seldom one that nothing satisfies. */
  #isNever(term: Term): boolean {
    if (term.kind === 'never') return true;
    if (term.kind !== 'all' || this.#open.has(term.id) || this.#depth >= DEEPEST_LOOK) return false;
    this.#depth++;
    try {
      return this.shapesOf(term).length === 0;
    } catch (cause) {
      // Perhaps it only leads back to what is being looked into; any other fault comes again when the value is written.
      if (!(cause instanceof ConstraintFault) || cause.costly) throw cause;
      return false;
    } finally {
      this.#depth--;
    }
  }

  #has(value: unknown, shape: Shape): boolean {
    if (kindOf(value) !== kindOfShape(shape)) return false;
    switch (shape.kind) {
      case 'is':
        return isDeepStrictEqual(value, shape.value);
      case 'null':
        return true;
      case 'boolean':
        return shape.values.includes(value as boolean);
      case 'number':
        return hasNumber(value as number, shape.tests);
      case 'string':
        return hasText(value as string, shape.tests);
      case 'array':
        return this.#hasItems(value as unknown[], shape);
      case 'object':
        return this.#hasProperties(value as Record<string, unknown>, shape);
    }
  }

  #hasItems(items: readonly unknown[], { prefix, rest, least, most, some, unique }: ArrayShape): boolean {
    if (items.length < least || items.length > most) return false;
    if (!items.every((item, i) => this.holds(item, prefix[i] ?? rest))) return false;
    const counted = some.every((each) => {
      const count = items.filter((item, i) => i >= each.from && this.holds(item, each.term)).length;
      return count >= each.least && count <= each.most;
    });
    if (!counted || unique === undefined) return counted;
    return new Set(items.map(sortedJson)).size === items.length;
  }

  #hasProperties(value: Record<string, unknown>, shape: ObjectShape): boolean {
    const names = Object.keys(value);
    if (names.length < shape.least || names.length > shape.most) return false;
    if (![...shape.required].every((name) => Object.hasOwn(value, name))) return false;
    if (!names.every((name) => this.holds(value[name], propertyTerm(shape, name)))) return false;
    return shape.some.every(({ names: own, term }) => {
      return names.some(
        (name) => !shape.properties.has(name) && matches(own, name) && this.holds(value[name], term),
      );
    });
  }
}

/** Joining objects takes longer the more properties they declare. */
function costOf(...shapes: readonly Shape[]): number {
  const properties = shapes.map((shape) => (shape.kind === 'object' ? shape.properties.size : 0));
  return 1 + Math.floor(properties.reduce((sum, size) => sum + size, 0) / 20);
}

function anyShape<K extends 'array' | 'object'>(kind: K): Extract<Shape, { kind: K }> {
  return universal(kind) as Extract<Shape, { kind: K }>;
}

/** The values that `enum` and `const` leave; undefined: all. */
function valuesOf(keywords: Keywords): readonly unknown[] | undefined {
  const { enum: all } = keywords;
  if (!('const' in keywords)) return all;
  if (all === undefined) return [keywords.const];
  return all.filter((value) => isDeepStrictEqual(value, keywords.const));
}

function numberTests({ type, ...bounds }: Keywords): NumberTest[] {
  const { minimum, maximum, exclusiveMinimum, exclusiveMaximum, multipleOf } = bounds;
  const bound = (
    test: 'minimum' | 'maximum',
    value: number | undefined,
    exclusive: boolean,
  ): NumberTest[] => {
    return value === undefined ? [] : [{ test, value, exclusive }];
  };
  const whole = type?.includes('integer') === true && !type.includes('number');
  return [
    ...(whole ? [{ test: 'integer' as const, negated: false }] : []),
    ...bound('minimum', minimum, false),
    ...bound('minimum', exclusiveMinimum, true),
    ...bound('maximum', maximum, false),
    ...bound('maximum', exclusiveMaximum, true),
    ...(multipleOf === undefined ? [] : [{ test: 'multipleOf' as const, value: multipleOf, negated: false }]),
  ];
}

/** A format that JSON Schema does not know is the caller's own annotation. */
function textTests({ pattern, format, minLength, maxLength }: Keywords, path: string): TextTest[] {
  const known = format !== undefined && Object.hasOwn(formats, format);
  return [
    ...(pattern === undefined
      ? []
      : [{ test: 'pattern' as const, value: pattern, negated: false, path: `${path}.pattern` }]),
    ...(known ? [{ test: 'format' as const, value: format, path: `${path}.format` }] : []),
    ...(minLength === undefined ? [] : [{ test: 'minLength' as const, value: minLength }]),
    ...(maxLength === undefined ? [] : [{ test: 'maxLength' as const, value: maxLength }]),
  ];
}

/** Names by which of the patterns they match. */
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

/** Objects without the property, those of `present`, and whatever is no object. */
function withOrWithout(name: string, present: readonly Shape[]): readonly Shape[] {
  const absent: Shape = { ...anyShape('object'), implicit: true, properties: new Map([[name, never]]) };
  const elsewhere = kinds.filter((kind) => kind !== 'object').map((kind) => universal(kind, true));
  return [...elsewhere, absent, ...present];
}

function isAny(shapes: readonly Shape[]): boolean {
  return shapes.length === kinds.length && shapes.every((shape) => shape.implicit && isUniversal(shape));
}

function isUniversal(shape: Shape): boolean {
  switch (shape.kind) {
    case 'null':
      return true;
    case 'boolean':
      return shape.values.length === anyBoolean.length;
    case 'number':
    case 'string':
      return shape.tests.length === 0;
    case 'array':
      return Object.entries(anyArray).every(([name, value]) =>
        isDeepStrictEqual(Reflect.get(shape, name), value),
      );
    case 'object':
      return Object.entries(anyObject).every(([name, value]) =>
        isDeepStrictEqual(Reflect.get(shape, name), value),
      );
    case 'is':
      return false;
  }
}

/** A property that some object must have is one of those that are declared, or none of them. */
function* placed(shape: Shape, terms: Terms): Generator<Shape, void, undefined> {
  if (shape.kind !== 'object') return yield shape;
  const { properties, some } = shape;
  const at = some.findIndex(({ names }) => [...properties.keys()].some((name) => matches(names, name)));
  const found = some[at];
  if (found === undefined) return yield shape;
  const others = some.filter((each) => each !== found);
  const names = difference(found.names, listed(properties.keys()));
  // One after another: whoever asks stops when there are too many.
  for (const [name, term] of properties) {
    if (!matches(found.names, name)) continue;
    const at: ObjectShape = {
      ...shape,
      properties: new Map([...properties, [name, terms.all(term, found.term)]]),
      required: new Set([...shape.required, name]),
      some: others,
    };
    yield* placed(at, terms);
  }
  if (!isEmpty(names)) yield* placed({ ...shape, some: [...others, { names, term: found.term }] }, terms);
}

const automata = new WeakMap<Dfa, number>();
let automataSeen = 0;

function numberOf(names: Dfa): number {
  const known = automata.get(names);
  if (known !== undefined) return known;
  automata.set(names, automataSeen);
  return automataSeen++;
}

/** Equal for shapes that are plainly the same. */
function keyOf(shape: Shape): string {
  const { kind, implicit } = shape;
  switch (shape.kind) {
    case 'is':
      return `is ${JSON.stringify(shape.value)}`;
    case 'null':
      return `${kind} ${implicit}`;
    case 'boolean':
      return `${kind} ${implicit} ${shape.values}`;
    case 'number':
    case 'string':
      return `${kind} ${implicit} ${JSON.stringify(shape.tests)}`;
    case 'array': {
      const { prefix, rest, restImplicit, least, most, some, unique } = shape;
      const items = [...prefix, rest].map(({ id }) => id);
      const counted = some.map((each) => [each.from, each.term.id, each.least, each.most].join('-'));
      return [kind, implicit, items, restImplicit, least, most, counted, unique].join(' ');
    }
    case 'object': {
      const { properties, others, required, least, most, some } = shape;
      const own = Array.from(properties, ([name, term]) => `${JSON.stringify(name)}${term.id}`);
      const rest = others.map(
        ({ names, term, implicit: silent }) => `${numberOf(names)}-${term.id}-${silent}`,
      );
      const must = some.map(({ names, term }) => `${numberOf(names)}-${term.id}`);
      return [kind, implicit, own, rest, JSON.stringify([...required].sort()), least, most, must].join(' ');
    }
  }
}

function noNumber(tests: readonly NumberTest[]): boolean {
  const values = valuesAmong<number>(tests as readonly (NumberTest & { values?: readonly number[] })[]);
  if (values !== undefined) return !values.some((value) => hasNumber(value, tests));
  return tests.length > 1 && isEmpty(numberTexts(tests));
}
