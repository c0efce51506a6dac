// Reads a schema that is not strict: unsupported keywords are left out and listed.

import { ConstraintFault } from '../../fault.ts';
import type { Grammar } from '../../grammar/expression.ts';
import { withinStates } from '../../reading/budget.ts';
import { isObject } from '../pointer.ts';
import { schemaGrammar } from '../translate.ts';

export interface Relaxed {
  grammar: Grammar;
  /** Paths of keywords that were left out, `.properties.a.uniqueItems`. An empty path stands for everything but the outline. */
  notes: readonly string[];
}

/** Most keywords that are left out before only the outline is used. */
const MOST_LEFT_OUT = 24;

/** Most states of the automata of all attempts: two seconds of work. */
const MOST_STATES = 200_000;

interface Options {
  objects?: boolean;
}

/** Throws a ConstraintFault if the schema is invalid or nothing satisfies it. */
export function relaxedGrammar(schema: unknown, options: Options = {}): Relaxed {
  const notes: string[] = [];
  const grammar =
    withinStates(MOST_STATES, () => partsOf(schema, notes, options)) ??
    schemaGrammar(outlineOf(schema), options);
  return { grammar, notes };
}

/** Records what is left out. Undefined if that would be too much. */
function partsOf(schema: unknown, notes: string[], options: Options): Grammar | undefined {
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

/** Keywords that contain one schema, and that assert nothing if they are missing. */
const single = new Set([
  'not',
  'if',
  'then',
  'else',
  'contains',
  'propertyNames',
  'additionalProperties',
  'items',
  'additionalItems',
]);
/** Keywords that contain schemas by name; references lead to a schema there by its place. */
const maps = new Set([
  'properties',
  'patternProperties',
  '$defs',
  'definitions',
  'dependentSchemas',
  'dependencies',
]);

/** The schema without the value at the path. Undefined if there is none. */
function withoutPart(schema: unknown, [step, ...more]: readonly string[]): unknown {
  if (step === undefined || !isObject(schema) || !Object.hasOwn(schema, step)) return undefined;
  const { [step]: held, ...rest } = schema;
  const [inner, ...further] = more;
  if (inner === undefined) return rest;
  if (maps.has(step) && isObject(held)) {
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
  const part = single.has(step) ? withoutPart(held, more) : undefined;
  return part === undefined ? rest : { ...schema, [step]: part };
}

function typeAlone(schema: unknown): unknown {
  return isObject(schema) && schema.type !== undefined ? { type: schema.type } : true;
}

/** The outline of a schema: the names of its properties and their types. */
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

/** `.properties["a b"].anyOf[0]` as its steps. */
function stepsOf(path: string): string[] {
  return Array.from(
    path.matchAll(/\.([\w$-]+)|\[(\d+)\]|\[("(?:[^"\\]|\\.)*")\]/g),
    ([, name, index, quoted]) => {
      return name ?? index ?? (JSON.parse(quoted ?? '""') as string);
    },
  );
}
