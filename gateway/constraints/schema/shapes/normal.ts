// From what a value is asked for to shapes of which one must hold: keywords, references and what joins schemas, worked out one level
// deep. Pure; knows no grammar.
import { isDeepStrictEqual } from 'node:util';
import { ConstraintFault, within } from '../../fault.ts';
import { type Dfa, isEmpty, noText, unionOf } from '../../language/dfa.ts';
import { spendStates } from '../../reading/budget.ts';
import type { Document } from '../document.ts';
import { type Keywords, kinds, readKeywords, type Schema } from '../keywords.ts';
import type { SchemaNode } from '../pointer.ts';
import { allTextsOf, noneOf } from '../texts.ts';
import { complement } from './complement.ts';
import { hasShape } from './has-shape.ts';
import { meet, propertyTerm } from './meet.ts';
import { anyShape, ownShapes, withOrWithout } from './own-shapes.ts';
import { costOf, isAny, keyOf, noNumber, placed } from './shape-facts.ts';
import { kindOf, kindOfShape, type Shape, universal } from './shapes.ts';
import { any, type Term, Terms } from './terms.ts';

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
      throw new ConstraintFault('it refers back to itself without a value in between', this.pathOf(term), {
        invalid: true,
      });
    }
    spendStates(0);
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

  /** Marks every term that is being worked out as narrowed. */
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
    spendStates(0);
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

  #ownShapes(keywords: Keywords, path: string): readonly Shape[] {
    const options = { terms: this.terms, stringsOf: (term: Term) => this.#strings(term) };
    return ownShapes(keywords, path, options).filter((shape) => !this.#isImpossible(shape));
  }

  #strings(term: Term): Dfa {
    return this.shapesOf(term).reduce((names, shape) => {
      return shape.kind === 'string' ? unionOf(names, allTextsOf(shape.tests)) : names;
    }, noText);
  }

  #has(value: unknown, shape: Shape): boolean {
    return hasShape(value, shape, (inner, term) => this.holds(inner, term));
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
}

/** The values that `enum` and `const` leave; undefined: all. */
function valuesOf(keywords: Keywords): readonly unknown[] | undefined {
  const { enum: all } = keywords;
  if (!('const' in keywords)) return all;
  if (all === undefined) return [keywords.const];
  return all.filter((value) => isDeepStrictEqual(value, keywords.const));
}
