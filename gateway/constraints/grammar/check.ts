// Checks that a grammar can be matched: every rule is defined, matches some text of finite length, and does not begin with itself.

import { ConstraintFault } from '../fault.ts';
import { canEnd, isNullable, rulesThat, walk } from './ending.ts';
import { type Expression, entriesOf, type Grammar, partsOf } from './expression.ts';

/** Throws a ConstraintFault that says what is wrong. */
export function checkGrammar({ root, rules }: Grammar): void {
  const all = [root, ...rules.values()];
  for (const body of all) walk(body, (each) => requireDefined(each, rules));
  const nullable = rulesThat(rules, isNullable);
  for (const body of all) walk(body, (each) => refuseEmptyCounted(each, nullable));
  const ends = rulesThat(rules, canEnd);
  const endless = [...rules.keys()].find((name) => !ends.has(name));
  if (endless !== undefined)
    throw new ConstraintFault(`the rule "${endless}" matches no text of finite length`);
  if (!canEnd(root, ends)) throw new ConstraintFault('it matches no text');
  refuseLeftRecursion(rules, nullable);
}

function requireDefined(each: Expression, rules: Grammar['rules']): void {
  if (each.kind !== 'rule' || rules.has(each.name)) return;
  throw new ConstraintFault(`the rule "${each.name}" is not defined`);
}

/** Refuses to count an item that may be empty, because an empty item could be counted any number of times at one place. */
function refuseEmptyCounted(each: Expression, nullable: ReadonlySet<string>): void {
  if (each.kind !== 'repeat' || each.most <= 1) return;
  if (each.most === Number.POSITIVE_INFINITY && each.least <= 1) return;
  if (!isNullable(each.item, nullable)) return;
  throw new ConstraintFault('it counts repetitions of an item that may be empty');
}

/** Refuses a rule that begins with itself, because a matcher would enter the rule for ever without reading a byte. */
function refuseLeftRecursion(rules: Grammar['rules'], nullable: ReadonlySet<string>): void {
  const left = new Map(Array.from(rules, ([name, body]) => [name, firstRules(body, nullable)]));
  const path = new Set<string>();
  for (const start of rules.keys()) {
    const open = [start];
    for (let name = open.at(-1); name !== undefined; name = open.at(-1)) {
      const next = left.get(name)?.pop();
      path.add(name);
      if (next === undefined) {
        path.delete(name);
        open.pop();
      } else if (path.has(next)) {
        const circle = [...path, next].slice([...path].indexOf(next));
        throw new ConstraintFault(
          `a rule begins with itself: ${circle.map((each) => `"${each}"`).join(' → ')}`,
        );
      } else open.push(next);
    }
  }
}

/** Names of the rules that may be entered before a byte is read. */
function firstRules(expression: Expression, nullable: ReadonlySet<string>): string[] {
  switch (expression.kind) {
    case 'rule':
      return [expression.name];
    case 'entries':
      return entriesOf(expression).flatMap(({ text, next }) =>
        text === '' ? firstRules(next, nullable) : [],
      );
    case 'sequence': {
      const end = expression.items.findIndex((item) => !isNullable(item, nullable));
      const upTo = end < 0 ? expression.items : expression.items.slice(0, end + 1);
      return upTo.flatMap((item) => firstRules(item, nullable));
    }
    case 'choice':
    case 'repeat':
      return partsOf(expression).flatMap((part) => firstRules(part, nullable));
    default:
      return [];
  }
}
