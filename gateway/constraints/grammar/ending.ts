// Properties of rules that depend on the rules they refer to, such as whether a rule matches any text of finite length. Pure.
import { type Expression, entriesOf, type Grammar } from './expression.ts';

/** Names of the rules of which `holds` is true, given those of which it is known to be. */
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
  // In the order in which they were made: most rules were made before the rules that refer to them.
  const open = [...rules.keys()].reverse();
  for (let name = open.pop(); name !== undefined; name = open.pop()) {
    const body = rules.get(name);
    if (known.has(name) || body === undefined || !holds(body, known)) continue;
    known.add(name);
    for (const user of users.get(name) ?? []) open.push(user);
  }
  return known;
}

/** Every expression within, the outer ones first. */
export function walk(expression: Expression, visit: (each: Expression) => void): void {
  visit(expression);
  if (expression.kind === 'sequence' || expression.kind === 'choice') {
    for (const item of expression.items) walk(item, visit);
  } else if (expression.kind === 'entries') {
    for (const { next } of entriesOf(expression)) walk(next, visit);
  } else if (expression.kind === 'repeat') walk(expression.item, visit);
  else if (expression.kind === 'free') walk(expression.rest, visit);
}

/** Whether the expression matches any text of finite length. `rules` names the rules that do. */
export function canEnd(expression: Expression, rules: ReadonlySet<string>): boolean {
  switch (expression.kind) {
    case 'text':
    case 'free':
    case 'language':
      return true;
    case 'characters':
      return expression.ranges.length > 0;
    case 'entries':
      return entriesOf(expression).some(({ next }) => canEnd(next, rules));
    case 'sequence':
      return expression.items.every((item) => canEnd(item, rules));
    case 'choice':
      return expression.items.some((item) => canEnd(item, rules));
    case 'repeat':
      return expression.least === 0 || canEnd(expression.item, rules);
    case 'rule':
      return rules.has(expression.name);
  }
}
