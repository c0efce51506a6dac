// Tool calls as a grammar: `begin`, an object with the tool's name and its arguments, `end`.

import { within } from '../fault.ts';
import { type Relaxed, relaxedGrammar } from '../schema/shapes/relax.ts';
import { schemaGrammar } from '../schema/translate.ts';
import type { CallableTool, CallSyntax, GrammarSpec } from '../specification.ts';
import {
  choice,
  type Entry,
  type Expression,
  type Grammar,
  nothing,
  repeat,
  rule,
  sequence,
  text,
} from './expression.ts';
import { anyObject, colon, comma, jsonRules } from './json-text.ts';

type ToolCallsSpec = Extract<GrammarSpec, { type: 'tool_calls' }>;

/**
 * `content`: what an answer without calls is held to. Throws a ConstraintFault whose path begins at the tools,
 * `[0].function.parameters.properties.a.not`.
 */
export function toolCallsGrammar(
  spec: ToolCallsSpec,
  content?: Grammar,
): { grammar: Grammar; notes: readonly string[] } {
  const read = spec.tools.map(parametersGrammar);
  const notes = read.flatMap(({ notes: own }, i) => own.map((path) => `[${i}].function.parameters${path}`));
  return {
    grammar: callsGrammar(
      spec,
      read.map(({ grammar }) => grammar),
      content,
    ),
    notes,
  };
}

function callsGrammar(spec: ToolCallsSpec, parameters: readonly Grammar[], content?: Grammar): Grammar {
  const { mode, tools, parallel, syntax } = spec;
  const { begin, end, separator } = syntax;
  const rules = new Map(jsonRules);
  const members = tools.map((tool, i) => {
    const own = parameters[i] ?? { root: anyObject, rules: jsonRules };
    return callMembers(tool.name, adopt(own, `tool ${i}`, rules), syntax);
  });
  const call = sequence(text('{'), choice(...members), text('}'), text(end));
  if (mode === 'required' || content !== undefined) {
    const one = sequence(text(begin), call);
    const more = repeat(sequence(text(separator), one), 0, Number.POSITIVE_INFINITY);
    const calls = sequence(one, parallel ? more : nothing);
    return { root: content === undefined ? calls : choice(adopt(content, 'content', rules), calls), rules };
  }
  // A call is held to its syntax after its tag. The white space after the tag is not part of the marker.
  const marker = begin.trimEnd();
  const rest = sequence(text(begin.slice(marker.length)), call, parallel ? rule('answer') : nothing);
  rules.set('answer', { kind: 'free', marker, rest });
  return { root: rule('answer'), rules };
}

/** Adds a grammar's rules under names of their own and returns its root. */
function adopt(grammar: Grammar, owner: string, rules: Map<string, Expression>): Expression {
  const lists = new Map<readonly Entry[], Entry[]>();
  for (const [name, body] of grammar.rules) {
    if (!jsonRules.has(name)) rules.set(`${owner} ${name}`, renamed(body, owner, lists));
  }
  return renamed(grammar.root, owner, lists);
}

function parametersGrammar({ parameters, relaxed }: CallableTool, i: number): Relaxed {
  if (parameters === undefined) return { grammar: { root: anyObject, rules: jsonRules }, notes: [] };
  return within(`[${i}].function.parameters`, () => {
    const schema: unknown = JSON.parse(parameters);
    if (relaxed === true) return relaxedGrammar(schema, { objects: true });
    return { grammar: schemaGrammar(schema, { objects: true }), notes: [] };
  });
}

/** `lists`: of entries that were renamed before; many expressions share them. */
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
