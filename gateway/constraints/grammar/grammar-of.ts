// Turns a specification into its grammar and finds every fault in the specification, without a tokenizer. Pure.

import { errorText } from '../../../base/error-text.ts';
import { ConstraintFault } from '../fault.ts';
import { withinStates } from '../reading/budget.ts';
import { relaxedGrammar } from '../schema/shapes/relax.ts';
import { schemaGrammar } from '../schema/translate.ts';
import type { GrammarSpec } from '../specification.ts';
import { checkGrammar } from './check.ts';
import { parseGrammar } from './ebnf.ts';
import { type Grammar, oneOf, type ReadGrammar } from './expression.ts';
import { extentOf } from './extent.ts';
import { anyObject, jsonRules } from './json-text.ts';
import { regexExpression } from './regex.ts';
import { toolCallsGrammar } from './tool-calls.ts';

/** Limits of one request, in characters unless a comment says otherwise. */
export const limits = {
  /** JSON text of a schema, or of the schemas of all tools together. */
  schema: 1024 * 1024,
  regex: 4096,
  grammar: 64 * 1024,
  /** Number of choices. */
  choices: 1024,
  /** Characters of all choices together. */
  choiceText: 64 * 1024,
};

/** Largest depth of nested expressions, because later functions recurse into them. */
const DEEPEST = 2000;

/** Most states of the automata for the schemas of all tools together. Making them takes about a second. */
const TOOLS_STATES = 100_000;

/** Throws a ConstraintFault if the specification cannot be honoured. */
export function readGrammar(spec: GrammarSpec): ReadGrammar {
  if (spec.type === 'json_schema' && spec.relaxed === true) {
    requireLength(spec.schema, limits.schema);
    return relaxedGrammar(parsed(spec.schema));
  }
  if (spec.type !== 'tool_calls') return { grammar: strictGrammar(spec), notes: [] };
  requireLength(spec.tools.map(({ parameters = '' }) => parameters).join(''), limits.schema);
  return withinStates(TOOLS_STATES, () => toolCallsGrammar(spec, spec.content && grammarOf(spec.content)));
}

/** Like `readGrammar`, but returns only the grammar. */
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
  if (extentOf(grammar).depth > DEEPEST) {
    throw new ConstraintFault(`groups and counts are nested more than ${DEEPEST} deep`);
  }
  checkGrammar(grammar);
  return grammar;
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
    // JSON Schema treats -0 and 0 as equal, but Object.is and deep comparison do not.
    return /-0/.test(schema)
      ? JSON.parse(schema, (_name, value) => (value === 0 ? 0 : value))
      : JSON.parse(schema);
  } catch (cause) {
    throw new ConstraintFault(`it is not JSON: ${errorText(cause)}`);
  }
}

function requireLength(value: string, most: number): void {
  if (value.length > most)
    throw new ConstraintFault(`it has ${value.length} characters; at most ${most} are allowed`);
}
