// Refuses a template that uses features of Jinja or Python which this folder does not support, or that Jinja does not compile. The check
// runs once, when the template is loaded. A name that neither Jinja nor Python has is an error when it is used, as in Jinja.
import { filters } from './filters.ts';
import { childrenOf, type Node, type NodeOf, nameOf } from './nodes.ts';
import { tests } from './operators.ts';
import { strftime } from './strftime.ts';

/** What Jinja and Python have in addition to what this folder supports (`DEFAULT_FILTERS` of jinja2/filters.py, and so on). */
const MISSING = {
  filter: words(
    'center filesizeformat groupby pprint random slice striptags truncate urlencode urlize wordwrap xmlattr',
  ),
  test: words('escaped filter sameas test'),
  function: words('cycler joiner lipsum'),
  method: words(
    'casefold encode expandtabs format_map fromkeys isascii isidentifier isprintable istitle maketrans rindex swapcase translate',
  ),
};
const LOOP_FIELDS = words(
  'index index0 revindex revindex0 first last length previtem nextitem depth depth0 cycle changed',
);

function words(text: string): ReadonlySet<string> {
  return new Set(text.split(' '));
}

/** Throws an Error that names an unsupported feature. */
export function requireSupported(program: Node): void {
  for (const { node, isOptional } of allNodes(program)) {
    const problem = problemOf(node, isOptional);
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

interface PlacedNode {
  node: Node;
  /**
   * The node is in a branch, without a block of its own in between. There Jinja compiles a filter or test that it does not have, which is
   * an error only if the branch is taken.
   */
  isOptional: boolean;
}

const BRANCHES: ReadonlySet<Node['type']> = new Set(['If', 'Ternary', 'SelectExpression']);
const BLOCKS: ReadonlySet<Node['type']> = new Set([
  'For',
  'Macro',
  'CallStatement',
  'FilterStatement',
  'Set',
]);

function allNodes(root: Node): PlacedNode[] {
  const found: PlacedNode[] = [];
  const open: PlacedNode[] = [{ node: root, isOptional: false }];
  for (let placed = open.pop(); placed !== undefined; placed = open.pop()) {
    found.push(placed);
    const { node } = placed;
    const isBlock = BLOCKS.has(node.type) && !(node.type === 'Set' && node.value !== null);
    const isOptional = BRANCHES.has(node.type) || (placed.isOptional && !isBlock);
    for (const child of childrenOf(node)) open.push({ node: child, isOptional });
  }
  return found;
}

function problemOf(node: Node, isOptional: boolean): string | undefined {
  switch (node.type) {
    case 'FilterExpression':
    case 'FilterStatement': {
      const name = node.filter.type === 'Identifier' ? node.filter : node.filter.callee;
      if (name.type !== 'Identifier') return `the filter ${written(name)}`;
      const isRefused = MISSING.filter.has(name.value) || !(isOptional || filters.has(name.value));
      if (isRefused) return `the filter '${name.value}'`;
      return node.filter.type === 'CallExpression' ? namedProblem(name.value, node.filter.args) : undefined;
    }
    case 'TestExpression': {
      const { value } = node.test;
      const isRefused = MISSING.test.has(value) || !(isOptional || tests.has(value));
      return isRefused ? `the test '${value}'` : undefined;
    }
    case 'CallExpression':
      return callProblem(node);
    case 'MemberExpression':
      return loopProblem(node);
    case 'Set':
      return isTarget(node.assignee) ? undefined : 'a {% set %} block with a filter';
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
  if (isTest && MISSING.test.has(named.value)) return `the test '${named.value}'`;
  return filter === 'map' && MISSING.filter.has(named.value) ? `the filter '${named.value}'` : undefined;
}

function callProblem({ callee, args }: NodeOf<'CallExpression'>): string | undefined {
  if (callee.type === 'Identifier') {
    if (callee.value === 'strftime_now') return formatProblem(args[0]);
    return MISSING.function.has(callee.value) ? `the function ${callee.value}()` : undefined;
  }
  if (callee.type !== 'MemberExpression') return 'a call of something other than a name';
  const { property, computed } = callee;
  // In `functions[i](…)` the function is not known before the template renders.
  const name = computed && property.type === 'Identifier' ? undefined : nameOf(property);
  return name !== undefined && MISSING.method.has(name) ? `the method .${name}()` : undefined;
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
