// Evaluates the statements of a template as Jinja does.
import { argumentsOf, callableOf, evaluated, filterOf, Scope } from './expressions.ts';
import { applyFilter } from './filters.ts';
import type { Node, NodeOf } from './nodes.ts';
import {
  type Callable,
  Fields,
  isEqual,
  isTrue,
  itemsOf,
  TemplateError,
  textOf,
  type Value,
} from './values.ts';

class BreakLoop extends Error {}
class ContinueLoop extends Error {}

type Write = (text: string) => void;

/** Returns the text that the statements write. */
export function evaluate(body: readonly Node[], scope: Scope): string {
  let text = '';
  run(body, scope, (piece) => {
    text += piece;
  });
  return text;
}

/** Writes each piece of text as soon as it is known, so that text before a `break` or `continue` is kept. */
function run(body: readonly Node[], scope: Scope, write: Write): void {
  for (const node of body) {
    if (node.type === 'Program') run(node.body, scope, write);
    // An `if` opens no scope.
    else if (node.type === 'If') {
      run(isTrue(evaluated(node.test, scope)) ? node.body : node.alternate, scope, write);
    } else if (node.type === 'For') loop(node, scope, write);
    else write(written(node, scope));
  }
}

/** The text that a statement writes, or the text of an expression. */
function written(node: Node, scope: Scope): string {
  switch (node.type) {
    case 'Comment':
      return '';
    case 'Break':
      throw new BreakLoop();
    case 'Continue':
      throw new ContinueLoop();
    case 'Set': {
      const { assignee, value, body } = node;
      assign(assignee, value === null ? evaluate(body, new Scope(scope)) : evaluated(value, scope), scope);
      return '';
    }
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

/** Each iteration has a scope of its own. A variable that an iteration sets is not visible after that iteration. */
function loop(node: NodeOf<'For'>, scope: Scope, write: Write): void {
  const filtered = node.iterable.type === 'SelectExpression' ? node.iterable : undefined;
  const all = itemsOf(evaluated(filtered?.lhs ?? node.iterable, scope));
  const items = all.filter((item) => {
    if (filtered === undefined) return true;
    const inner = new Scope(scope);
    assign(node.loopvar, item, inner);
    return isTrue(evaluated(filtered.test, inner));
  });
  if (items.length === 0) run(node.defaultBlock, new Scope(scope), write);
  let changed: readonly Value[] | undefined;
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
      // The depth is always 1, because the parser does not support recursive loops.
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
    try {
      run(node.body, inner, write);
    } catch (thrown) {
      if (thrown instanceof BreakLoop) return;
      if (!(thrown instanceof ContinueLoop)) throw thrown;
    }
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

/** Name of the argument in which a call block passes its body to the macro that it calls. */
const CALLER = 'caller';

/** A macro sees the variables around its definition, not those around its call. */
function macro(name: string, parameters: readonly Node[], body: readonly Node[], around: Scope): Callable {
  return (args, keywords) => {
    const scope = new Scope(around);
    const left = new Map(keywords);
    scope.set('caller', left.get(CALLER));
    const declared = parameters.map(parameterOf);
    if (!declared.some((parameter) => parameter.name === CALLER)) left.delete(CALLER);
    for (const [i, { name, fallback }] of declared.entries()) {
      const given = i < args.length || left.has(name);
      const value = i < args.length ? args[i] : left.get(name);
      left.delete(name);
      scope.set(name, given || fallback === undefined ? value : evaluated(fallback, scope));
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
  throw new TemplateError(`a ${node.type} cannot be a parameter`);
}
