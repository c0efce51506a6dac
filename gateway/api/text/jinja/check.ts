// Refuses a template that uses features which this folder does not support. The check runs once, when the template is loaded.
import { filters } from './filters.ts';
import { isMethod } from './methods.ts';
import { childrenOf, type Node, type NodeOf, nameOf } from './nodes.ts';
import { tests } from './operators.ts';
import { strftime } from './strftime.ts';
import type { Value } from './values.ts';

const LOOP_FUNCTIONS: ReadonlySet<string> = new Set(['cycle', 'changed']);
const LOOP_FIELDS: ReadonlySet<string> = new Set(
  'index index0 revindex revindex0 first last length previtem nextitem depth depth0 cycle changed'.split(' '),
);

/** Throws an Error that names an unsupported feature. `globals` are the functions and constants that every template has. */
export function requireSupported(program: Node, globals: Readonly<Record<string, Value>>): void {
  const nodes = allNodes(program);
  const callable = new Set(['caller']);
  for (const [name, value] of Object.entries(globals)) if (typeof value === 'function') callable.add(name);
  for (const node of nodes) if (node.type === 'Macro') callable.add(node.name.value);
  for (const node of nodes) {
    const problem = problemOf(node, callable);
    if (problem !== undefined) throw new Error(`the template uses ${problem}, which is not supported here`);
  }
}

/** A token of the library's lexer. */
export interface Token {
  type: string;
  value: string;
}

/** Words after which a new comparison may begin. The `not` of `not in` does not count, because `not in` is itself a comparison. */
const ENDS_COMPARISON: ReadonlySet<string> = new Set(['and', 'or', 'not', 'if', 'else', 'for']);
const OPENS = /^Open(?!Statement|Expression)/;
const CLOSES = /^Close(?!Statement|Expression)/;

/** Throws for `a < b < c`, which the parser reads as `(a < b) < c`, unlike Python. */
export function requireNoChains(tokens: readonly Token[]): void {
  /** An entry for the text outside brackets, and one for each open bracket. True: a comparison was read and has not ended yet. */
  let compared = [false];
  for (const [i, { type, value }] of tokens.entries()) {
    const name = type === 'Identifier' ? value : undefined;
    const isFor = name === 'in' && declaresLoop(tokens, i);
    if (OPENS.test(type)) compared.push(false);
    else if (CLOSES.test(type)) compared.pop();
    else if (type === 'Comma' || type === 'Colon' || type === 'Equals') compared[compared.length - 1] = false;
    else if (name !== undefined && ENDS_COMPARISON.has(name) && tokens[i + 1]?.value !== 'in') {
      compared[compared.length - 1] = false;
    } else if (/^(?:Open|Close)(?:Statement|Expression)$/.test(type)) compared = [false];
    else if (type === 'ComparisonBinaryOperator' || (name === 'in' && !isFor)) {
      if (compared.at(-1) === true) {
        throw new Error('the template uses a chain of comparisons, which is not supported here');
      }
      compared[compared.length - 1] = true;
    }
  }
}

/** Whether the token at the index `at` is the `in` of a loop such as `{% for a, b in …`. */
function declaresLoop(tokens: readonly Token[], at: number): boolean {
  let before = at - 1;
  while (before >= 0 && /^(?:Identifier|Comma|OpenParen|CloseParen)$/.test(tokens[before]?.type ?? '')) {
    if (tokens[before]?.value === 'for') return tokens[before - 1]?.type === 'OpenStatement';
    before--;
  }
  return false;
}

function allNodes(root: Node): Node[] {
  const found: Node[] = [];
  const open = [root];
  for (let node = open.pop(); node !== undefined; node = open.pop()) {
    found.push(node);
    for (const child of childrenOf(node)) open.push(child);
  }
  return found;
}

function problemOf(node: Node, callable: ReadonlySet<string>): string | undefined {
  switch (node.type) {
    case 'FilterExpression':
    case 'FilterStatement': {
      const name = node.filter.type === 'Identifier' ? node.filter : node.filter.callee;
      if (name.type !== 'Identifier' || !filters.has(name.value)) return `the filter ${written(name)}`;
      return node.filter.type === 'CallExpression' ? namedProblem(name.value, node.filter.args) : undefined;
    }
    case 'TestExpression':
      return tests.has(node.test.value) ? undefined : `the test '${node.test.value}'`;
    case 'CallExpression':
      return callProblem(node, callable);
    case 'MemberExpression':
      return loopProblem(node);
    case 'Set':
      return isTarget(node.assignee) ? undefined : 'a {% set %} block with a filter';
    case 'BinaryExpression':
      return node.operator.value === '%' && node.left.type === 'StringLiteral'
        ? "formatting with '%'"
        : undefined;
    default:
      return undefined;
  }
}

/** Checks the filter or test whose name is an argument of `filter`, as in `map('upper')`. */
function namedProblem(filter: string, args: readonly Node[]): string | undefined {
  const byAttribute = filter === 'selectattr' || filter === 'rejectattr';
  const named = args[byAttribute ? 1 : 0];
  if (named?.type !== 'StringLiteral') return undefined;
  const isTest = byAttribute || filter === 'select' || filter === 'reject';
  if (isTest && !tests.has(named.value)) return `the test '${named.value}'`;
  return filter === 'map' && !filters.has(named.value) ? `the filter '${named.value}'` : undefined;
}

function callProblem({ callee, args }: NodeOf<'CallExpression'>, callable: ReadonlySet<string>) {
  if (callee.type === 'Identifier') {
    if (callee.value === 'strftime_now') return formatProblem(args[0]);
    // A filter with arguments is also a call. `problemOf` checks it as a filter.
    const isKnown = callable.has(callee.value) || filters.has(callee.value);
    return isKnown ? undefined : `the function ${callee.value}()`;
  }
  if (callee.type !== 'MemberExpression') return 'a call of something other than a name';
  const { property, computed } = callee;
  // In `functions[i](…)` the function is not known before the template renders.
  const name = computed && property.type === 'Identifier' ? undefined : nameOf(property);
  if (name === undefined || isMethod(name) || LOOP_FUNCTIONS.has(name)) return undefined;
  return `the method .${name}()`;
}

function formatProblem(format: Node | undefined): string | undefined {
  if (format?.type !== 'StringLiteral') return undefined;
  try {
    strftime(new Date(0), format.value);
    return undefined;
  } catch {
    return `the time format '${format.value}'`;
  }
}

function loopProblem({ object, property, computed }: NodeOf<'MemberExpression'>): string | undefined {
  if (computed || object.type !== 'Identifier' || object.value !== 'loop') return undefined;
  const name = nameOf(property);
  return name === undefined || LOOP_FIELDS.has(name) ? undefined : `loop.${name}`;
}

function written(node: Node): string {
  const name = nameOf(node);
  return name === undefined ? 'without a name' : `'${name}'`;
}

function isTarget(node: Node): boolean {
  if (node.type === 'TupleLiteral') return node.value.every(isTarget);
  return node.type === 'Identifier' || (node.type === 'MemberExpression' && !node.computed);
}
