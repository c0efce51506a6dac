// Tool calls as a grammar: `begin`, then a JSON object with the tool's name and arguments, then `end`.

import { within } from '../fault.ts';
import { relaxedGrammar } from '../schema/shapes/relax.ts';
import { schemaGrammar } from '../schema/translate.ts';
import type { CallableTool, CallSyntax, GrammarSpec } from '../specification.ts';
import {
  choice,
  type Entry,
  type Expression,
  type Grammar,
  nothing,
  type ReadGrammar,
  repeat,
  rule,
  sequence,
  text,
} from './expression.ts';
import { anyObject, colon, comma, jsonRules } from './json-text.ts';

type ToolCallsSpec = Extract<GrammarSpec, { type: 'tool_calls' }>;

/**
 * `content`: the grammar of an answer without calls. Throws a ConstraintFault whose path begins at the list of tools, such as
 * `[0].function.parameters.properties.a.not`.
 */
export function toolCallsGrammar(spec: ToolCallsSpec, content?: Grammar): ReadGrammar {
  const { mode, tools, parallel, syntax } = spec;
  const { begin, end, separator } = syntax;
  const rules = new Map(jsonRules);
  const read = tools.map(parametersGrammar);
  const notes = read.flatMap(({ notes: own }, i) => own.map((path) => `[${i}].function.parameters${path}`));
  const members = read.map(({ grammar }, i) => {
    return callMembers(tools[i]?.name ?? '', adopt(grammar, `tool ${i}`, rules), syntax);
  });
  const call = sequence(text('{'), choice(...members), text('}'), text(end));
  if (mode === 'required' || content !== undefined) {
    const one = sequence(text(begin), call);
    const more = repeat(sequence(text(separator), one), 0, Number.POSITIVE_INFINITY);
    const calls = sequence(one, parallel ? more : nothing);
    const root = content === undefined ? calls : choice(adopt(content, 'content', rules), calls);
    return { grammar: { root, rules }, notes };
  }
  // The marker is `begin` without the white space at its end, so that this white space is constrained too.
  const marker = begin.trimEnd();
  const rest = sequence(text(begin.slice(marker.length)), call, parallel ? rule('answer') : nothing);
  rules.set('answer', { kind: 'free', marker, rest });
  return { grammar: { root: rule('answer'), rules }, notes };
}

/** Adds the rules of a grammar to `rules`, with `owner` before their names, and returns the root. */
function adopt(grammar: Grammar, owner: string, rules: Map<string, Expression>): Expression {
  const lists = new Map<readonly Entry[], Entry[]>();
  for (const [name, body] of grammar.rules) {
    if (!jsonRules.has(name)) rules.set(`${owner} ${name}`, renamed(body, owner, lists));
  }
  return renamed(grammar.root, owner, lists);
}

function parametersGrammar({ parameters, relaxed }: CallableTool, i: number): ReadGrammar {
  if (parameters === undefined) return { grammar: { root: anyObject, rules: jsonRules }, notes: [] };
  return within(`[${i}].function.parameters`, () => {
    const schema: unknown = JSON.parse(parameters);
    if (relaxed === true) return relaxedGrammar(schema, { objects: true });
    return { grammar: schemaGrammar(schema, { objects: true }), notes: [] };
  });
}

/** Adds `owner` to the names of rules. `lists` has the lists of entries renamed so far, because expressions share lists. */
function renamed(expression: Expression, owner: string, lists: Map<readonly Entry[], Entry[]>): Expression {
  const inner = (each: Expression) => renamed(each, owner, lists);
  switch (expression.kind) {
    case 'rule':
      return jsonRules.has(expression.name) ? expression : rule(`${owner} ${expression.name}`);
    case 'sequence':
    case 'choice':
      return { ...expression, items: expression.items.map(inner) };
    case 'repeat':
      return { ...expression, item: inner(expression.item) };
    case 'entries': {
      const known = lists.get(expression.of);
      const of = known ?? expression.of.map((entry) => ({ ...entry, next: inner(entry.next) }));
      lists.set(expression.of, of);
      return { ...expression, of };
    }
    default:
      return expression;
  }
}

function callMembers(
  name: string,
  parameters: Expression,
  { nameKey, argumentsKey }: CallSyntax,
): Expression {
  const key = (of: string) => sequence(text(JSON.stringify(of)), colon);
  return sequence(key(nameKey), text(JSON.stringify(name)), comma, key(argumentsKey), parameters);
}
