// Turns a specification into its grammar and finds everything that is wrong with it, without a tokenizer. Pure.

import { errorText } from '../../../base/error-text.ts';
import { ConstraintFault } from '../fault.ts';
import { withinStates } from '../reading/budget.ts';
import { relaxedGrammar } from '../schema/shapes/relax.ts';
import { schemaGrammar } from '../schema/translate.ts';
import type { GrammarSpec } from '../specification.ts';
import { checkGrammar } from './check.ts';
import { parseGrammar } from './ebnf.ts';
import { type Grammar, oneOf } from './expression.ts';
import { extentOf } from './extent.ts';
import { anyObject, jsonRules } from './json-text.ts';
import { regexExpression } from './regex.ts';
import { toolCallsGrammar } from './tool-calls.ts';

/** Limits of one request, in characters unless the name says otherwise. */
export const limits = {
  schema: 1024 * 1024,
  regex: 4096,
  grammar: 64 * 1024,
  /** Number of choices, and characters of all of them. */
  choices: 1024,
  choiceText: 64 * 1024,
};

/** Most nested expressions. */
const DEEPEST = 2000;

/** Most states of the automata of all tools' schemas together: some seconds of work. */
const TOOLS_STATES = 100_000;

export interface ReadGrammar {
  grammar: Grammar;
  /** Paths of keywords of relaxed schemas that were left out, in the form of a fault's path. */
  notes: readonly string[];
}

/** Throws a ConstraintFault if it cannot be honoured. */
export function readGrammar(spec: GrammarSpec): ReadGrammar {
  if (spec.type === 'json_schema' && spec.relaxed === true) {
    requireLength(spec.schema, limits.schema);
    return relaxedGrammar(parsed(spec.schema));
  }
  if (spec.type !== 'tool_calls') return { grammar: strictGrammar(spec), notes: [] };
  requireLength(spec.tools.map(({ parameters = '' }) => parameters).join(''), limits.schema);
  return withinStates(TOOLS_STATES, () => toolCallsGrammar(spec, spec.content && grammarOf(spec.content)));
}

/** Throws a ConstraintFault if it cannot be honoured. */
export function grammarOf(spec: GrammarSpec): Grammar {
  return readGrammar(spec).grammar;
}

function strictGrammar(spec: Exclude<GrammarSpec, { type: 'tool_calls' }>): Grammar {
  switch (spec.type) {
    case 'json_object':
      return { root: anyObject, rules: jsonRules };
    case 'json_schema':
      requireLength(spec.schema, limits.schema);
      return schemaGrammar(parsed(spec.schema));
    case 'regex':
      requireLength(spec.pattern, limits.regex);
      return checked({
        root: regexExpression(spec.pattern, { spelling: 'itself', whole: true }),
        rules: new Map(),
      });
    case 'choice':
      return checked(choiceGrammar(spec.choices));
    case 'grammar':
      requireLength(spec.grammar, limits.grammar);
      return checked(parseGrammar(spec.grammar));
  }
}

function checked(grammar: Grammar): Grammar {
  requireShallow(grammar);
  checkGrammar(grammar);
  return grammar;
}

/** Throws a ConstraintFault if the grammar is nested too deeply for functions that recurse into it. */
function requireShallow(grammar: Grammar): void {
  if (extentOf(grammar).depth <= DEEPEST) return;
  throw new ConstraintFault(`groups and counts are nested more than ${DEEPEST} deep`);
}

function choiceGrammar(choices: readonly string[]): Grammar {
  if (choices.length === 0) throw new ConstraintFault('there is nothing to choose from');
  if (choices.length > limits.choices)
    throw new ConstraintFault(`there are more than ${limits.choices} choices`);
  requireLength(choices.join(''), limits.choiceText);
  return { root: oneOf(choices), rules: new Map() };
}

function parsed(schema: string): unknown {
  try {
    // In JSON -0 equals 0; in comparisons here it would not.
    return /-0/.test(schema) ? JSON.parse(schema, withoutMinusZero) : JSON.parse(schema);
  } catch (cause) {
    throw new ConstraintFault(`it is not JSON: ${errorText(cause)}`);
  }
}

function withoutMinusZero(_name: string, value: unknown): unknown {
  return value === 0 ? 0 : value;
}

function requireLength(value: string, most: number): void {
  if (value.length > most)
    throw new ConstraintFault(`it has ${value.length} characters; at most ${most} are allowed`);
}
