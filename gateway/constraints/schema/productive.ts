// Takes from a grammar what can never be written to its end: rules that only lead back to themselves. Pure.
import {
  choice,
  type Expression,
  entries,
  entriesOf,
  type Grammar,
  impossible,
  repeat,
  rule,
  sequence,
} from '../expression.ts';

/** The same texts. Its root is impossible where there are none. */
export function productive({ root, rules }: Grammar): Grammar {
  const ending = endingRules(rules);
  if (ending.size === rules.size) return { root, rules };
  const kept = new Map<string, Expression>();
  for (const [name, body] of rules) if (ending.has(name)) kept.set(name, without(body, ending));
  return { root: without(root, ending), rules: kept };
}

/** Rules that match some text of finite length. */
function endingRules(rules: ReadonlyMap<string, Expression>): Set<string> {
  const users = new Map<string, string[]>();
  for (const [name, body] of rules) {
    for (const used of rulesIn(body)) {
      const own = users.get(used);
      if (own === undefined) users.set(used, [name]);
      else own.push(name);
    }
  }
  const ending = new Set<string>();
  // The last first: most rules were made before those that refer to them.
  const open = [...rules.keys()].reverse();
  for (let name = open.pop(); name !== undefined; name = open.pop()) {
    const body = rules.get(name);
    if (ending.has(name) || body === undefined || !ends(body, ending)) continue;
    ending.add(name);
    for (const user of users.get(name) ?? []) open.push(user);
  }
  return ending;
}

function rulesIn(expression: Expression, found = new Set<string>()): Set<string> {
  if (expression.kind === 'rule') found.add(expression.name);
  else if (expression.kind === 'repeat') rulesIn(expression.item, found);
  else if (expression.kind === 'entries') for (const { next } of entriesOf(expression)) rulesIn(next, found);
  else if (expression.kind === 'sequence' || expression.kind === 'choice') {
    for (const item of expression.items) rulesIn(item, found);
  }
  return found;
}

function ends(expression: Expression, ending: ReadonlySet<string>): boolean {
  switch (expression.kind) {
    case 'sequence':
      return expression.items.every((item) => ends(item, ending));
    case 'choice':
      return expression.items.some((item) => ends(item, ending));
    case 'repeat':
      return expression.least === 0 || ends(expression.item, ending);
    case 'rule':
      return ending.has(expression.name);
    case 'entries':
      return entriesOf(expression).some(({ next }) => ends(next, ending));
    default:
      return true;
  }
}

function without(expression: Expression, ending: ReadonlySet<string>): Expression {
  switch (expression.kind) {
    case 'sequence':
      return sequence(...expression.items.map((item) => without(item, ending)));
    case 'choice':
      return choice(...expression.items.map((item) => without(item, ending)));
    case 'repeat':
      return repeat(without(expression.item, ending), expression.least, expression.most);
    case 'entries': {
      const kept = entriesOf(expression).map((entry) => ({ ...entry, next: without(entry.next, ending) }));
      return entries(kept.filter(({ next }) => next !== impossible));
    }
    case 'rule':
      return ending.has(expression.name) ? rule(expression.name) : impossible;
    default:
      return expression;
  }
}
