// Reads a schema that need not be enforced in full: leaves out unsupported keywords and lists them.

import { ConstraintFault } from '../../fault.ts';
import type { Grammar, ReadGrammar } from '../../grammar/expression.ts';
import { besidesStates, withinStates } from '../../reading/budget.ts';
import { containsSchema, containsSchemaMap } from '../keywords.ts';
import { isObject } from '../pointer.ts';
import { type SchemaOptions, schemaGrammar } from '../translate.ts';

/** Most keywords that are left out. If more are unsupported, only the types and names of properties are used (`outlineOf`). */
const MOST_LEFT_OUT = 24;

/** Most states of the automata of all attempts together. Making them takes two seconds. */
const MOST_STATES = 200_000;

/** Most states for making an outline. They do not count towards other limits, which may be used up by then. */
const OUTLINE_STATES = 100_000;

/** Throws a ConstraintFault if the schema is invalid or nothing satisfies it. */
export function relaxedGrammar(schema: unknown, options: SchemaOptions = {}): ReadGrammar {
  const notes: string[] = [];
  const grammar =
    withinStates(MOST_STATES, () => grammarWithoutParts(schema, notes, options)) ??
    besidesStates(OUTLINE_STATES, () => schemaGrammar(outlineOf(schema), options));
  return { grammar, notes };
}

/** Adds to `notes` the paths of the keywords that are left out. Undefined if too many would have to be left out. */
function grammarWithoutParts(schema: unknown, notes: string[], options: SchemaOptions): Grammar | undefined {
  for (let kept = schema; kept !== undefined; ) {
    try {
      return schemaGrammar(kept, options);
    } catch (cause) {
      if (!(cause instanceof ConstraintFault) || cause.invalid) throw cause;
      const goesOn = !cause.costly && notes.length < MOST_LEFT_OUT;
      kept = goesOn ? withoutPart(kept, stepsOf(cause.path)) : undefined;
      notes.push(kept === undefined ? '' : cause.path);
    }
  }
  return undefined;
}

/**
 * The schema without the value at the path. A property keeps its name and its type, because references and `required` may name it.
 * Undefined if the schema has no such value.
 */
function withoutPart(schema: unknown, [step, ...more]: readonly string[]): unknown {
  if (step === undefined || !isObject(schema) || !Object.hasOwn(schema, step)) return undefined;
  const { [step]: held, ...rest } = schema;
  const [inner, ...further] = more;
  if (inner === undefined) return rest;
  if (containsSchemaMap(step) && isObject(held)) {
    if (!Object.hasOwn(held, inner)) return undefined;
    const part = further.length === 0 ? typeAlone(held[inner]) : withoutPart(held[inner], further);
    return part === undefined ? undefined : { ...schema, [step]: { ...held, [inner]: part } };
  }
  if (Array.isArray(held)) {
    const index = Number(inner);
    if (further.length === 0) return rest;
    const part = withoutPart(held[index], further);
    return part === undefined ? undefined : { ...schema, [step]: held.with(index, part) };
  }
  const part = containsSchema(step) ? withoutPart(held, more) : undefined;
  return part === undefined ? rest : { ...schema, [step]: part };
}

function typeAlone(schema: unknown): unknown {
  return isObject(schema) && schema.type !== undefined ? { type: schema.type } : true;
}

/** The schema with nothing but its type, the names and types of its properties, and the list of required ones. */
function outlineOf(schema: unknown): unknown {
  if (!isObject(schema)) return true;
  const { type, properties, required } = schema;
  return {
    ...(type !== undefined && { type }),
    ...(isObject(properties) && {
      properties: Object.fromEntries(
        Object.entries(properties).map(([name, each]) => [name, typeAlone(each)]),
      ),
    }),
    ...(Array.isArray(required) && { required }),
  };
}

/** The steps of a path: those of `.properties["a b"].anyOf[0]` are `properties`, `a b`, `anyOf` and `0`. */
function stepsOf(path: string): string[] {
  return Array.from(
    path.matchAll(/\.([\w$-]+)|\[(\d+)\]|\[("(?:[^"\\]|\\.)*")\]/g),
    ([, name, index, quoted]) => {
      return name ?? index ?? (JSON.parse(quoted ?? '""') as string);
    },
  );
}
