// Whether a rule can end, and whether it may be empty. Both depend on the rules that the rule refers to. Pure.
import { type Expression, entriesOf, type Grammar, partsOf } from './expression.ts';

/** Names of the rules for which `holds` is true. `holds` gets a rule's body and the names that were found so far. */
export function rulesThat(
  rules: Grammar['rules'],
  holds: (body: Expression, known: ReadonlySet<string>) => boolean,
): Set<string> {
  const users = new Map(Array.from(rules.keys(), (name) => [name, new Set<string>()]));
  for (const [name, body] of rules) {
    walk(body, (each) => {
      if (each.kind === 'rule') users.get(each.name)?.add(name);
    });
  }
  const known = new Set<string>();
  // Rules are tried in the order in which they were made, because most rules were made before the rules that refer to them.
  const open = [...rules.keys()].reverse();
  for (let name = open.pop(); name !== undefined; name = open.pop()) {
    const body = rules.get(name);
    if (known.has(name) || body === undefined || !holds(body, known)) continue;
    known.add(name);
    for (const user of users.get(name) ?? []) open.push(user);
  }
  return known;
}

/** Calls `visit` for the expression and every expression within it, the outer ones first. */
export function walk(expression: Expression, visit: (each: Expression) => void): void {
  visit(expression);
  for (const part of partsOf(expression)) walk(part, visit);
}

/** Whether the expression matches some text of finite length. `rules` names the rules that do. */
export function canEnd(expression: Expression, rules: ReadonlySet<string>): boolean {
  return someText(expression, (leaf) => leaf.kind !== 'characters' || leaf.ranges.length > 0, rules);
}

/** Whether the expression matches the empty text. `rules` names the rules that do. */
export function isNullable(expression: Expression, rules: ReadonlySet<string>): boolean {
  return someText(expression, isEmptyLeaf, rules);
}

type Leaf = Extract<Expression, { kind: 'text' | 'characters' | 'language' | 'token' }>;

function isEmptyLeaf(leaf: Leaf): boolean {
  if (leaf.kind === 'language') return leaf.least === 0 && leaf.dfa[0]?.accepting === true;
  return leaf.kind === 'text' && leaf.text === '';
}

/** Whether the expression can be matched by using only leaves that satisfy `holds` and rules that `rules` names. */
function someText(
  expression: Expression,
  holds: (leaf: Leaf) => boolean,
  rules: ReadonlySet<string>,
): boolean {
  const matches = (each: Expression) => someText(each, holds, rules);
  switch (expression.kind) {
    case 'sequence':
      return expression.items.every(matches);
    case 'choice':
      return expression.items.some(matches);
    case 'entries':
      return entriesOf(expression).some(({ text, next }) => holds({ kind: 'text', text }) && matches(next));
    case 'repeat':
      return expression.least === 0 || matches(expression.item);
    case 'rule':
      return rules.has(expression.name);
    case 'free':
      return true;
    default:
      return holds(expression);
  }
}
