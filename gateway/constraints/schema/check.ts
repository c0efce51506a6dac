// Refuses a schema that cannot be honoured, naming the keyword and where it stands. Pure; what passes is a SchemaObject.
import { ConstraintFault } from '../fault.ts';
import { annotations, assertions, definitions, idle, type Rule, type Schema } from './keywords.ts';
import { isObject, resolve } from './pointer.ts';

/** Schemas within one another, at most. */
const DEEPEST = 32;
/** Arrays and objects within one another, those of values counted too. */
const DEEPEST_VALUE = 100;
/** Schemas in one list, at most. */
const MOST_LISTED = 128;
/** Schemas in all, at most. */
const MOST_SCHEMAS = 2000;

interface Visit {
  value: unknown;
  path: string;
  depth: number;
}

/** Throws a ConstraintFault; its path begins at the schema, `.properties.a.not`. */
export function checkSchema(root: unknown): asserts root is Schema {
  refuseDeep(root);
  const open: Visit[] = [{ value: root, path: '', depth: 0 }];
  const schemas = new Map<unknown, string>();
  for (let visit = open.pop(); visit !== undefined; visit = open.pop()) {
    open.push(...checkOne(visit));
    if (isObject(visit.value)) schemas.set(visit.value, visit.path);
    if (schemas.size > MOST_SCHEMAS) throw new ConstraintFault(`it holds more than ${MOST_SCHEMAS} schemas`);
  }
  for (const [schema, path] of schemas) {
    const { $ref } = schema as { $ref?: string };
    if ($ref === undefined) continue;
    const target = resolve($ref, root);
    if (typeof target === 'boolean' || schemas.has(target)) continue;
    throw new ConstraintFault(`the reference ${JSON.stringify($ref)} leads to no schema`, `${path}.$ref`);
  }
}

/** What walks the values of enum and const does so by recursion. */
function refuseDeep(root: unknown): void {
  let level: unknown[] = [root];
  for (let depth = 0; level.length > 0; depth++) {
    if (depth > DEEPEST_VALUE) throw new ConstraintFault(`it is nested more than ${DEEPEST_VALUE} deep`);
    level = level.flatMap((value) =>
      typeof value === 'object' && value !== null ? Object.values(value) : [],
    );
  }
}

/** Gives the schemas inside, the first one last. */
function checkOne({ value, path, depth }: Visit): Visit[] {
  if (typeof value === 'boolean') return [];
  if (!isObject(value)) throw new ConstraintFault('expected a schema: an object, or true or false', path);
  if (depth > DEEPEST) throw new ConstraintFault(`schemas lie more than ${DEEPEST} deep`, path);
  const inside: Visit[] = [];
  for (const [name, held] of Object.entries(value)) {
    const at = path + step(name);
    if (annotations.has(name) || isIdle(name, held) || (name === '$id' && depth === 0)) continue;
    const rule = ruleOf(name);
    if (rule === undefined) throw new ConstraintFault(`the keyword '${name}' is not supported`, at);
    if (typeof rule === 'function') {
      const wrong = rule(held);
      if (wrong !== undefined) throw new ConstraintFault(wrong, at);
    } else inside.push(...schemasIn(rule, held, at, depth + 1));
  }
  return inside.reverse();
}

function schemasIn(
  rule: Exclude<Rule, (value: unknown) => unknown>,
  held: unknown,
  path: string,
  depth: number,
) {
  if (rule === 'schema') return [{ value: held, path, depth }];
  if (rule === 'schemas') {
    if (!Array.isArray(held) || held.length === 0)
      throw new ConstraintFault('expected a list of schemas', path);
    if (held.length > MOST_LISTED)
      throw new ConstraintFault(`it lists more than ${MOST_LISTED} schemas`, path);
    return held.map((value: unknown, i) => ({ value, path: `${path}[${i}]`, depth }));
  }
  if (!isObject(held)) throw new ConstraintFault('expected an object of schemas', path);
  return Object.entries(held).map(([name, value]) => ({ value, path: path + step(name), depth }));
}

function ruleOf(name: string): Rule | undefined {
  const all: Readonly<Record<string, Rule>> = { ...assertions, ...definitions };
  return Object.hasOwn(all, name) ? all[name] : undefined;
}

function isIdle(name: string, held: unknown): boolean {
  return Object.hasOwn(idle, name) && JSON.stringify(held) === idle[name];
}

/** One step of a path, as parameters are written in errors. */
export function step(name: string): string {
  return /^[\w$-]+$/.test(name) ? `.${name}` : `[${JSON.stringify(name)}]`;
}
