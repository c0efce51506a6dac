// The arguments of a tool call as a grammar: the values of the tool's JSON Schema in the form that the model writes.
import { ConstraintFault, within } from '../fault.ts';
import { dfaOf } from '../language/determinize.ts';
import { type Dfa, intersection } from '../language/dfa.ts';
import { readPattern } from '../language/pattern.ts';
import type { ObjectNotation } from '../schema/objects.ts';
import { relaxedGrammar } from '../schema/shapes/relax.ts';
import type { Term } from '../schema/shapes/terms.ts';
import { plainStrings } from '../schema/texts.ts';
import { type NotationTools, type SchemaOptions, schemaGrammar } from '../schema/translate.ts';
import {
  type ArgumentKind,
  type ArgumentsForm,
  type CallableTool,
  type CallSyntax,
  looksLikeJson,
} from '../specification.ts';
import {
  choice,
  type Expression,
  type Grammar,
  language,
  nothing,
  type ReadGrammar,
  sequence,
  text,
} from './expression.ts';
import { anyObject, comma, jsonRules, pythonWords } from './json-text.ts';
import type { Marks } from './marks.ts';

export type ArgumentsGrammar = Grammar;

interface FormOptions {
  syntax: Pick<CallSyntax, 'arguments' | 'name'>;
  marks: Marks;
}

/** Names that can be written without quotes. */
const PLAIN_NAME = '[\\w.\\-]+';
const plainName = new RegExp(`^${PLAIN_NAME}$`);

/** The grammar of the arguments of the tool with this index, and the parts of its schema that are not enforced. */
export function argumentsGrammar(
  tool: CallableTool,
  i: number,
  { syntax, marks }: FormOptions,
): ArgumentsGrammar & Pick<ReadGrammar, 'notes'> {
  const { name, parameters, relaxed } = tool;
  if (syntax.name === 'plain' && !plainName.test(name)) {
    const why =
      'the model writes names of tools without quotes, so only letters, digits, _, . and - are supported';
    throw new ConstraintFault(why, `[${i}].function.name`);
  }
  if (parameters === undefined && syntax.arguments.form === 'json') {
    return { root: anyObject, rules: jsonRules, notes: [] };
  }
  return within(`[${i}].function.parameters`, () => {
    const schema: unknown = parameters === undefined ? {} : JSON.parse(parameters);
    const options = { objects: true, ...forms[syntax.arguments.form](syntax.arguments, marks, tool) };
    if (relaxed !== true) return { ...schemaGrammar(schema, options), notes: [] };
    const { grammar, notes } = relaxedGrammar(schema, options);
    return { ...grammar, notes };
  });
}

/** How a schema is written, for each form. */
const forms: Record<
  ArgumentsForm['form'],
  (form: ArgumentsForm, marks: Marks, tool: CallableTool) => Pick<SchemaOptions, 'words' | 'notation'>
> = {
  json: () => ({}),
  python: () => ({
    words: pythonWords,
    notation: () => ({ ...plainNames, separator: comma, afterName: text('=') }),
  }),
  elements: (form, marks, { kinds = {} }) => {
    if (form.form !== 'elements') return {};
    return { notation: (tools) => elements(form, { marks, kinds, tools }) };
  },
};

const plainNames: ObjectNotation = {
  open: nothing,
  close: nothing,
  separator: nothing,
  beforeName: nothing,
  afterName: nothing,
  name: (name) => {
    if (plainName.test(name)) return name;
    const shown = JSON.stringify(name.slice(0, 100));
    throw new ConstraintFault(
      `the model writes names of arguments without quotes, so only letters, digits, _, . and - are supported, not ${shown}`,
    );
  },
  anyName: (names) => language(intersection(names, plainNamesOnly()), 'itself'),
};

function plainNamesOnly(): Dfa {
  return dfaOf(readPattern(PLAIN_NAME));
}

interface ElementOptions {
  marks: Marks;
  kinds: Readonly<Record<string, ArgumentKind>>;
  tools: NotationTools;
}

function elements(
  { beforeKey, afterKey, afterValue }: Extract<ArgumentsForm, { form: 'elements' }>,
  { marks, kinds, tools }: ElementOptions,
): ObjectNotation {
  const breaks = afterValue.length - afterValue.trimStart().length;
  const after = sequence(
    marks(afterValue.slice(0, breaks), { value: true }),
    marks(afterValue.slice(breaks)),
  );
  // A string ends at the tag that follows it, so it cannot contain the tag.
  const tag = afterValue.trim().replace(/[|\\{}()[\]^$+*?.]/g, '\\$&');
  const strings = (term: Term, without: readonly string[]): Expression => {
    const shapes = tools.shapes(tools.terms.all(term, tools.terms.of({ type: 'string' })));
    return choice(
      ...shapes.map((shape) => (shape.kind === 'string' ? plainStrings(shape.tests, without) : choice())),
    );
  };
  const others = (term: Term): Expression => {
    return tools.value(
      tools.terms.all(term, tools.terms.of({ type: ['null', 'boolean', 'number', 'array', 'object'] })),
    );
  };
  const writers: Record<ArgumentKind, (term: Term) => Expression> = {
    text: (term) => strings(term, [tag]),
    json: others,
    either: (term) => choice(strings(term, [tag, looksLikeJson]), others(term)),
  };
  return {
    ...plainNames,
    beforeName: marks(beforeKey),
    afterName: marks(afterKey, { value: afterKey !== afterKey.trimEnd() }),
    value: (term, name) => {
      const kind = name !== undefined && Object.hasOwn(kinds, name) ? kinds[name] : undefined;
      return sequence(writers[kind ?? 'either'](term), after);
    },
  };
}
