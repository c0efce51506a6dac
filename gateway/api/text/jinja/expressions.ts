// Evaluates the expressions of a template as Jinja and Python do.
import type { Given } from './arguments.ts';
import { applyFilter } from './filters.ts';
import { dict } from './globals.ts';
import { methodOf } from './methods.ts';
import { type CallNode, type IdentifierNode, type Node, type NodeOf, nameOf } from './nodes.ts';
import { operate, testNamed } from './operators.ts';
import {
  type Callable,
  Fields,
  Float,
  isDict,
  isNumeric,
  isTrue,
  itemsOf,
  numberOf,
  plainOf,
  sequenceOf,
  TemplateError,
  Tuple,
  textOf,
  typeName,
  type Value,
} from './values.ts';

/** The variables of a block of the template. A name that is not set here is looked up in the outer scope. */
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
    case 'TestExpression':
      return testNamed(node.test.value)(evaluated(node.operand, scope), undefined) !== node.negate;
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

/** As in Jinja, `a.b` tries the attribute before the item, and `a[b]` tries the item before the attribute. */
function memberOf({ object, property, computed }: NodeOf<'MemberExpression'>, scope: Scope): Value {
  const of = plainOf(evaluated(object, scope));
  if (of === undefined) throw new TemplateError(`${described(object)} is undefined`);
  if (property.type === 'SliceExpression') return sliced(of, property, scope);
  if (computed || property.type !== 'Identifier') {
    const key = plainOf(evaluated(property, scope));
    const item = itemOf(of, key);
    return item === undefined && typeof key === 'string' ? attributeOf(of, key) : item;
  }
  const attribute = attributeOf(of, property.value);
  return attribute === undefined ? itemOf(of, property.value) : attribute;
}

/** The expression in error messages. */
function described(node: Node): string {
  if (node.type === 'Identifier') return `'${node.value}'`;
  if (node.type !== 'MemberExpression') return 'the value';
  const name = nameOf(node.property);
  return name === undefined ? 'the item' : `'${name}'`;
}

function itemOf(of: Value, key: Value): Value {
  if (isDict(of)) return of.get(key);
  // In Python, `dict[key]` is the type dict with an annotation, and makes dicts like dict itself. Templates write `dict.from_keys(…)`.
  if (of === dict) return dict;
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

export function callableOf(node: Node, scope: Scope): Callable {
  const value = evaluated(node, scope);
  if (typeof value === 'function') return value;
  if (value === undefined) throw new TemplateError(`${described(node)} is undefined`);
  throw new TemplateError(`'${typeName(value)}' object is not callable`);
}

export function argumentsOf({ args }: CallNode, scope: Scope): Pick<Given, 'args' | 'keywords'> {
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

export function filterOf(node: IdentifierNode | CallNode, scope: Scope): Given {
  if (node.type === 'Identifier') return { name: node.value, args: [], keywords: new Map() };
  if (node.callee.type !== 'Identifier') throw new TemplateError('a filter is called by its name');
  return { name: node.callee.value, ...argumentsOf(node, scope) };
}
