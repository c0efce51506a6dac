// Removes the parts of a grammar that match no text of finite length, such as rules that only lead back to themselves.
import { canEnd, rulesThat } from '../grammar/ending.ts';
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
} from '../grammar/expression.ts';

/** A grammar that matches the same texts. Its root is `impossible` if it matches none. */
export function productive({ root, rules }: Grammar): Grammar {
  const ending = rulesThat(rules, canEnd);
  if (ending.size === rules.size) return { root, rules };
  const kept = new Map<string, Expression>();
  for (const [name, body] of rules) if (ending.has(name)) kept.set(name, without(body, ending));
  return { root: without(root, ending), rules: kept };
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
