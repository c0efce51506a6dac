// Turns a term (terms.ts) into shapes, so that each value of the term has one of the shapes. Evaluates keywords, references and
// combined schemas, one level deep. Terms of the values within (items, properties) stay terms.
import { isDeepStrictEqual } from 'node:util';
import { ConstraintFault, within } from '../../fault.ts';
import { type Dfa, noText, unionOf } from '../../language/dfa.ts';
import { spendStates } from '../../reading/budget.ts';
import type { Document } from '../document.ts';
import { type Keywords, kinds, readKeywords, type Schema } from '../keywords.ts';
import type { SchemaNode } from '../pointer.ts';
import { allTextsOf } from '../texts.ts';
import { complement } from './complement.ts';
import { hasShape } from './has-shape.ts';
import { meet } from './meet.ts';
import { anyShape, ownShapes, withOrWithout } from './own-shapes.ts';
import { costOf, isAny, isImpossible, keyOf, placed } from './shape-facts.ts';
import { kindOfShape, type Shape, universal } from './shapes.ts';
import { any, type Term, Terms } from './terms.ts';
import { shapeOfValue, shapesOfValues, valuesOf } from './value-shapes.ts';

/** Most shapes of one term. */
const MOST_SHAPES = 400;
/** Most shapes that are kept when values are subtracted from shapes. Further shapes are left out, which narrows the term. */
const MOST_LEFT = 32;
/** Most terms that are evaluated at once, each because the one before refers to it. */
const MOST_OPEN = 300;
/** Most comparisons of values with terms for one schema, which take some tenths of a second. */
const MOST_COMPARED = 200_000;
/** Largest cost (`costOf`) of all intersections of two shapes for one schema. They take about a second. */
const MOST_MEETINGS = 50_000;
/** Largest depth to which terms inside terms are checked for whether any value satisfies them. */
const DEEPEST_LOOK = 3;

export class Normalizer {
  readonly terms = new Terms();
  readonly #document: Document;
  readonly #shapes = new Map<number, readonly Shape[]>();
  readonly #open = new Set<number>();
  /** Narrowed terms: some of their values were left out. It is therefore unknown which values do not satisfy such a term. */
  readonly #narrowed = new Set<number>();
  #met = 0;
  #depth = 0;
  #compared = 0;
  /** How often values were left out. If it grew during some work, that work left values out. */
  #narrowings = 0;
  /** A value is being compared with a term that it must not satisfy. */
  #inNegation = false;

  constructor(document: Document) {
    this.#document = document;
  }

  /** The shapes of all values of the term; empty if there is none. Throws a ConstraintFault that names an unsupported keyword. */
  shapesOf(term: Term): readonly Shape[] {
    const known = this.#shapes.get(term.id);
    if (known !== undefined) {
      if (this.#narrowed.has(term.id)) this.#narrow();
      return known;
    }
    if (this.#open.has(term.id)) {
      throw new ConstraintFault('it refers to itself without a value in between', this.pathOf(term), {
        invalid: true,
      });
    }
    spendStates(0);
    if (this.#open.size >= MOST_OPEN) {
      throw this.#tooCostly(term, `its references lead through more than ${MOST_OPEN} schemas at once`);
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

  get narrowed(): boolean {
    return this.#narrowed.size > 0;
  }

  #narrow(): void {
    this.#narrowings++;
    for (const id of this.#open) this.#narrowed.add(id);
  }

  /** The shapes of all values of the term. Throws a ConstraintFault if the term is narrowed. */
  #exactly(term: Term): readonly Shape[] {
    const shapes = this.shapesOf(term);
    if (!this.#narrowed.has(term.id)) return shapes;
    throw new ConstraintFault('it is unknown which values do not satisfy this part', this.pathOf(term));
  }

  /** Whether a JSON value satisfies the term. Throws a ConstraintFault if that is unknown or takes too long. */
  holds(value: unknown, term: Term): boolean {
    spendStates(0);
    if (++this.#compared > MOST_COMPARED) throw this.#tooCostly(term);
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
    // The value may be one of the values that were left out.
    if (this.#inNegation) this.#exactly(term);
    return false;
  }

  /** Path of one of the schemas that the term is made of, for errors. */
  pathOf(term: Term): string {
    if (term.kind === 'schema') return this.#document.path(term.node);
    const parts = term.kind === 'all' ? term.of : term.kind === 'not' ? [term.of] : [];
    return parts.map((each) => this.pathOf(each)).find((path) => path !== '') ?? '';
  }

  #look(term: Term): readonly Shape[] {
    switch (term.kind) {
      case 'any':
        return kinds.map((kind) => universal(kind, true));
      case 'never':
        return [];
      case 'is':
        return [shapeOfValue(term.value)];
      case 'not':
        return this.#complement(this.#exactly(term.of));
      case 'all':
        return term.of.map((each) => this.shapesOf(each)).reduce((all, each) => this.#both(all, each, term));
      case 'schema':
        return this.#schema(term.node, term);
    }
  }

  #schema(node: SchemaNode, term: Term): readonly Shape[] {
    const keywords = readKeywords(node, this.#document);
    let shapes = this.#ownShapes(keywords, this.#document.path(node));
    const and = (more: readonly Shape[]) => {
      shapes = this.#both(shapes, more, term);
    };
    const values = valuesOf(keywords);
    if (values !== undefined) and(within(`${this.#document.path(node)}.enum`, () => shapesOfValues(values)));
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
    const options = { terms: this.terms, stringsOf: this.#strings };
    return ownShapes(keywords, path, options).filter((shape) => !isImpossible(shape, this.#isNever));
  }

  #strings = (term: Term): Dfa => {
    const texts = this.shapesOf(term).map((shape) =>
      shape.kind === 'string' ? allTextsOf(shape.tests) : noText,
    );
    return texts.reduce(unionOf, noText);
  };

  #has = (value: unknown, shape: Shape): boolean => {
    return hasShape(value, shape, (inner, term) => this.holds(inner, term));
  };

  /** The shapes of each branch without the values of the other branches. `among`: the value has one of these shapes too. */
  #oneOf(branches: readonly Term[], among: readonly Shape[], term: Term): readonly Shape[] {
    // Values that were left out of a narrowed branch may be values of another branch. So wider shapes stand for a narrowed branch.
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

  /** Shapes that contain all values of a narrowed term, and perhaps other values. */
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
      const others = own.map((shape) => complement(shape, this.terms, () => this.#narrow()));
      const all = [universal(kind, own.length === 0)];
      return others.reduce<readonly Shape[]>((left, each) => this.#both(left, each, any, MOST_LEFT), all);
    });
  }

  /**
   * The intersections of each shape of `a` with each shape of `b`. `term` is for errors. Keeps at most `enough` intersections. If
   * others are left out, the term is narrowed.
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
      if (found.size > MOST_SHAPES) throw this.#tooCostly(term);
    }
    return [...found.values()];
  }

  /** Whether some value may have a shape of `a` and a shape of `b`. Also true if the search for such a value leaves values out. */
  #overlap(a: readonly Shape[], b: readonly Shape[], term: Term): boolean {
    const before = this.#narrowings;
    return this.#meetings(a, b, term).next().done !== true || this.#narrowings > before;
  }

  *#meetings(a: readonly Shape[], b: readonly Shape[], term: Term): Generator<Shape, void, undefined> {
    for (const one of a) {
      for (const other of b) {
        if (kindOfShape(one) !== kindOfShape(other)) continue;
        const cost = costOf(one, other);
        this.#met += cost;
        spendStates(cost);
        if (this.#met > MOST_MEETINGS) throw this.#tooCostly(term);
        const shape = meet(one, other, { terms: this.terms, holds: this.#has });
        if (shape === undefined) continue;
        for (const each of placed(shape, this.terms)) if (!isImpossible(each, this.#isNever)) yield each;
      }
    }
  }

  #tooCostly(term: Term, message = 'its references and alternatives multiply too much'): ConstraintFault {
    return new ConstraintFault(message, this.pathOf(term), { costly: true });
  }

  /** Whether no value satisfies the term. Only terms of kind `all` are evaluated, because a schema alone is seldom impossible. */
  #isNever = (term: Term): boolean => {
    if (term.kind === 'never') return true;
    if (term.kind !== 'all' || this.#open.has(term.id) || this.#depth >= DEEPEST_LOOK) return false;
    this.#depth++;
    try {
      return this.shapesOf(term).length === 0;
    } catch (cause) {
      // Perhaps the term leads back to a term that is being evaluated. Any other fault is thrown again when the value is written.
      if (!(cause instanceof ConstraintFault) || cause.costly) throw cause;
      return false;
    } finally {
      this.#depth--;
    }
  };
}
