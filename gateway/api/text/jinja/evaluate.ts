// Evaluates a template's syntax tree as Jinja and Python do. Knows neither the parser nor what a chat is.
import type { Given } from './arguments.ts';
import { applyFilter } from './filters.ts';
import { methodOf } from './methods.ts';
import type { CallNode, IdentifierNode, Node, NodeOf } from './nodes.ts';
import { operate } from './operators.ts';
import { tests } from './tests.ts';
import {
  type Callable,
  Fields,
  Float,
  isDict,
  isEqual,
  isNumeric,
  isTrue,
  itemsOf,
  numberOf,
  sequenceOf,
  TemplateError,
  Tuple,
  textOf,
  typeName,
  type Value,
} from './values.ts';

/** What a name means: looked for outwards. */
export class Scope {
  readonly #names = new Map<string, Value>();
  readonly #outer: Scope | undefined;

  constructor(outer?: Scope) {
    this.#outer = outer;
  }

  get(name: string): Value {
    return this.#names.has(name) ? this.#names.get(name) : this.#outer?.get(name);
  }

  set(name: string, value: Value): void {
    this.#names.set(name, value);
  }
}

class BreakLoop extends Error {}
class ContinueLoop extends Error {}

/** The text that the statements write. */
export function evaluate(body: readonly Node[], scope: Scope): string {
  let text = '';
  for (const node of body) text += written(node, scope);
  return text;
}

function written(node: Node, scope: Scope): string {
  switch (node.type) {
    case 'Program':
      return evaluate(node.body, scope);
    case 'Comment':
      return '';
    case 'If':
      return evaluate(isTrue(evaluated(node.test, scope)) ? node.body : node.alternate, scope);
    case 'For':
      return loop(node, scope);
    case 'Break':
      throw new BreakLoop();
    case 'Continue':
      throw new ContinueLoop();
    case 'Set':
      assign(
        node.assignee,
        node.value === null ? evaluate(node.body, new Scope(scope)) : evaluated(node.value, scope),
        scope,
      );
      return '';
    case 'Macro':
      scope.set(node.name.value, macro(node.name.value, node.args, node.body, scope));
      return '';
    case 'CallStatement': {
      const caller = macro('caller', node.callerArgs ?? [], node.body, scope);
      const given = argumentsOf(node.call, scope);
      const keywords = new Map(given.keywords).set(CALLER, caller);
      return textOf(callableOf(node.call.callee, scope)(given.args, keywords));
    }
    case 'FilterStatement': {
      const body = evaluate(node.body, new Scope(scope));
      return textOf(applyFilter(body, filterOf(node.filter, scope)));
    }
    default:
      return textOf(evaluated(node, scope));
  }
}

/** Each turn has a scope of its own: what it sets is not seen after it. */
function loop(node: NodeOf<'For'>, scope: Scope): string {
  const filtered = node.iterable.type === 'SelectExpression' ? node.iterable : undefined;
  const all = itemsOf(evaluated(filtered?.lhs ?? node.iterable, scope));
  const items = all.filter((item) => {
    if (filtered === undefined) return true;
    const inner = new Scope(scope);
    assign(node.loopvar, item, inner);
    return isTrue(evaluated(filtered.test, inner));
  });
  if (items.length === 0) return evaluate(node.defaultBlock, new Scope(scope));
  let changed: readonly Value[] | undefined;
  let text = '';
  for (const [i, item] of items.entries()) {
    const inner = new Scope(scope);
    const fields: Record<string, Value> = {
      index: i + 1,
      index0: i,
      revindex: items.length - i,
      revindex0: items.length - i - 1,
      first: i === 0,
      last: i === items.length - 1,
      length: items.length,
      previtem: items[i - 1],
      nextitem: items[i + 1],
      // Counts recursive loops, which the parser does not read.
      depth: 1,
      depth0: 0,
      cycle: (args) => {
        if (args.length === 0) throw new TemplateError('no items for cycling given');
        return args[i % args.length];
      },
      changed: (args) => {
        const same = changed !== undefined && isEqual([...changed], [...args]);
        changed = args;
        return !same;
      },
    };
    inner.set('loop', new Fields('loop', new Map(Object.entries(fields))));
    assign(node.loopvar, item, inner);
    const turn = ended(() => evaluateInto(node.body, inner, (piece) => (text += piece)));
    if (turn === 'break') break;
  }
  return text;
}

/** What was written before a `break` or `continue` stays. */
function evaluateInto(body: readonly Node[], scope: Scope, write: (piece: string) => void): void {
  for (const node of body) {
    // An `if` opens no scope and may hold the statement that ends the turn.
    if (node.type === 'If') {
      const branch = isTrue(evaluated(node.test, scope)) ? node.body : node.alternate;
      evaluateInto(branch, scope, write);
    } else write(written(node, scope));
  }
}

function ended(turn: () => void): 'break' | 'continue' | undefined {
  try {
    turn();
    return undefined;
  } catch (thrown) {
    if (thrown instanceof BreakLoop) return 'break';
    if (thrown instanceof ContinueLoop) return 'continue';
    throw thrown;
  }
}

function assign(target: Node, value: Value, scope: Scope): void {
  if (target.type === 'Identifier') scope.set(target.value, value);
  else if (target.type === 'TupleLiteral') {
    const items = itemsOf(value);
    if (items.length !== target.value.length) {
      const why = items.length < target.value.length ? 'not enough' : 'too many';
      throw new TemplateError(`${why} values to unpack (expected ${target.value.length})`);
    }
    for (const [i, part] of target.value.entries()) assign(part, items[i], scope);
  } else if (target.type === 'MemberExpression') {
    const object = evaluated(target.object, scope);
    if (!(object instanceof Fields && object.kind === 'namespace' && target.property.type === 'Identifier')) {
      throw new TemplateError('cannot assign attribute on non-namespace object');
    }
    object.fields.set(target.property.value, value);
  }
}

/** How a call block reaches the macro that it calls. */
const CALLER = 'caller';

/** Sees the names around its definition, not those around its call. */
function macro(name: string, parameters: readonly Node[], body: readonly Node[], around: Scope): Callable {
  return (args, keywords) => {
    const scope = new Scope(around);
    const left = new Map(keywords);
    scope.set('caller', left.get(CALLER));
    const declared = parameters.map(parameterOf);
    if (!declared.some((parameter) => parameter.name === CALLER)) left.delete(CALLER);
    for (const [i, parameter] of declared.entries()) {
      const given = i < args.length || left.has(parameter.name);
      const value = i < args.length ? args[i] : left.get(parameter.name);
      left.delete(parameter.name);
      scope.set(
        parameter.name,
        given || parameter.fallback === undefined ? value : evaluated(parameter.fallback, scope),
      );
    }
    const [unknown] = left.keys();
    if (unknown !== undefined)
      throw new TemplateError(`macro '${name}' takes no keyword argument '${unknown}'`);
    if (args.length > declared.length) {
      throw new TemplateError(`macro '${name}' takes not more than ${declared.length} argument(s)`);
    }
    return evaluate(body, scope);
  };
}

function parameterOf(node: Node): { name: string; fallback?: Node } {
  if (node.type === 'Identifier') return { name: node.value };
  if (node.type === 'KeywordArgumentExpression') return { name: node.key.value, fallback: node.value };
  throw new TemplateError(`a ${node.type} is no parameter`);
}

export function evaluated(node: Node, scope: Scope): Value {
  switch (node.type) {
    case 'Identifier':
      return scope.get(node.value);
    case 'StringLiteral':
    case 'IntegerLiteral':
      return node.value;
    case 'FloatLiteral':
      return new Float(node.value);
    case 'ArrayLiteral':
      return node.value.map((item) => evaluated(item, scope));
    case 'TupleLiteral':
      return new Tuple(node.value.map((item) => evaluated(item, scope)));
    case 'ObjectLiteral':
      return new Map(
        [...node.value].map(([key, item]): [Value, Value] => [evaluated(key, scope), evaluated(item, scope)]),
      );
    case 'MemberExpression':
      return memberOf(node, scope);
    case 'CallExpression': {
      const { args, keywords } = argumentsOf(node, scope);
      return callableOf(node.callee, scope)(args, keywords);
    }
    case 'FilterExpression':
      return applyFilter(evaluated(node.operand, scope), filterOf(node.filter, scope));
    case 'TestExpression': {
      const test = Object.hasOwn(tests, node.test.value) ? tests[node.test.value] : undefined;
      if (test === undefined) throw new TemplateError(`no test named '${node.test.value}'`);
      return test(evaluated(node.operand, scope), undefined) !== node.negate;
    }
    case 'Ternary':
      return evaluated(isTrue(evaluated(node.condition, scope)) ? node.trueExpr : node.falseExpr, scope);
    case 'SelectExpression':
      return isTrue(evaluated(node.test, scope)) ? evaluated(node.lhs, scope) : undefined;
    case 'UnaryExpression':
      return unary(node.operator.value, evaluated(node.argument, scope));
    case 'BinaryExpression': {
      const left = evaluated(node.left, scope);
      const { value: operator } = node.operator;
      if (operator === 'and') return isTrue(left) ? evaluated(node.right, scope) : left;
      if (operator === 'or') return isTrue(left) ? left : evaluated(node.right, scope);
      return operate(operator, left, evaluated(node.right, scope));
    }
    default:
      throw new TemplateError(`a ${node.type} has no value`);
  }
}

function unary(operator: string, value: Value): Value {
  if (operator === 'not') return !isTrue(value);
  if (!isNumeric(value))
    throw new TemplateError(`bad operand type for unary ${operator}: '${typeName(value)}'`);
  const result = operator === '-' ? -numberOf(value) : numberOf(value);
  return value instanceof Float ? new Float(result) : result + 0;
}

/** With a dot attributes go before items, with brackets items before attributes, as in Jinja. */
function memberOf({ object, property, computed }: NodeOf<'MemberExpression'>, scope: Scope): Value {
  const of = evaluated(object, scope);
  if (of === undefined) throw new TemplateError(`${described(object)} is undefined`);
  if (property.type === 'SliceExpression') return sliced(of, property, scope);
  if (computed || property.type !== 'Identifier') {
    const key = evaluated(property, scope);
    const item = itemOf(of, key);
    return item === undefined && typeof key === 'string' ? attributeOf(of, key) : item;
  }
  const attribute = attributeOf(of, property.value);
  return attribute === undefined ? itemOf(of, property.value) : attribute;
}

function described(node: Node): string {
  if (node.type === 'Identifier') return `'${node.value}'`;
  if (node.type !== 'MemberExpression') return 'the value';
  const { property } = node;
  return property.type === 'Identifier' || property.type === 'StringLiteral'
    ? `'${property.value}'`
    : 'the item';
}

function itemOf(of: Value, key: Value): Value {
  if (isDict(of)) return of.get(key);
  if (typeof key !== 'number') return undefined;
  if (typeof of === 'string') return [...of].at(key);
  return sequenceOf(of)?.at(key);
}

function attributeOf(of: Value, name: string): Value {
  return of instanceof Fields ? of.fields.get(name) : methodOf(of, name);
}

function sliced(of: Value, { start, stop, step }: NodeOf<'SliceExpression'>, scope: Scope): Value {
  const items = typeof of === 'string' ? [...of] : sequenceOf(of);
  if (items === undefined) throw new TemplateError(`a ${typeName(of)} cannot be sliced`);
  const bound = (node: Node | undefined): number | undefined => {
    const value = node === undefined ? null : evaluated(node, scope);
    if (value === null) return undefined;
    if (typeof value === 'number') return value;
    throw new TemplateError('slice indices must be integers or None');
  };
  const by = bound(step) ?? 1;
  if (by === 0) throw new TemplateError('slice step cannot be zero');
  const [lowest, highest] = by > 0 ? [0, items.length] : [-1, items.length - 1];
  const clamp = (at: number) => Math.min(Math.max(at < 0 ? at + items.length : at, lowest), highest);
  const first = bound(start);
  const last = bound(stop);
  const from = first === undefined ? (by > 0 ? lowest : highest) : clamp(first);
  const to = last === undefined ? (by > 0 ? highest : lowest) : clamp(last);
  const kept: Value[] = [];
  for (let at = from; by > 0 ? at < to : at > to; at += by) kept.push(items[at]);
  if (typeof of === 'string') return kept.map(textOf).join('');
  return of instanceof Tuple ? new Tuple(kept) : kept;
}

function callableOf(node: Node, scope: Scope): Callable {
  const value = evaluated(node, scope);
  if (typeof value === 'function') return value;
  throw new TemplateError(
    value === undefined ? `${described(node)} is undefined` : `'${typeName(value)}' object is not callable`,
  );
}

function argumentsOf({ args }: CallNode, scope: Scope): Pick<Given, 'args' | 'keywords'> {
  const positional: Value[] = [];
  const keywords = new Map<string, Value>();
  for (const node of args) {
    if (node.type === 'KeywordArgumentExpression') keywords.set(node.key.value, evaluated(node.value, scope));
    else if (node.type === 'SpreadExpression') positional.push(...itemsOf(evaluated(node.argument, scope)));
    else if (node.type === 'KeywordSpreadExpression') {
      const dict = evaluated(node.argument, scope);
      if (!isDict(dict)) throw new TemplateError('argument after ** must be a mapping');
      for (const [key, value] of dict) keywords.set(textOf(key), value);
    } else positional.push(evaluated(node, scope));
  }
  return { args: positional, keywords };
}

function filterOf(node: IdentifierNode | CallNode, scope: Scope): Given {
  if (node.type === 'Identifier') return { name: node.value, args: [], keywords: new Map() };
  if (node.callee.type !== 'Identifier') throw new TemplateError('a filter is called by its name');
  return { name: node.callee.value, ...argumentsOf(node, scope) };
}
