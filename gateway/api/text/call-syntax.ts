// How a model writes a call of a tool, found in its chat template. To support another syntax, add a row to `knownSyntaxes`.
import type { CallSyntax } from '../../constraints/specification.ts';

interface KnownSyntax {
  /** What error messages say of it. */
  title: string;
  syntax: CallSyntax;
  /** Texts that show that a template with the same tags has another syntax. */
  others: readonly string[];
}

const knownSyntaxes: readonly KnownSyntax[] = [
  {
    title: '<tool_call> with a JSON object of "name" and "arguments" inside (Hermes, Qwen2.5, Qwen3)',
    syntax: {
      begin: '<tool_call>\n',
      end: '\n</tool_call>',
      nameKey: 'name',
      argumentsKey: 'arguments',
      separator: '\n',
    },
    // Qwen3-Coder and GLM write elements inside the tag.
    others: ['<function=', '<arg_key>'],
  },
];

export const titlesOfSyntaxes = knownSyntaxes.map(({ title }) => title).join(', ');

/**
 * Undefined if the template, Jinja in `source`, shows no known syntax. `specials` are the names of special tokens. A tag that is
 * a special token is not text, so calls could neither be read nor held to a grammar.
 */
export function callSyntaxOf(source: string, specials: readonly string[]): CallSyntax | undefined {
  return knownSyntaxes.find((known) => shows(source, specials, known))?.syntax;
}

function shows(source: string, specials: readonly string[], { syntax, others }: KnownSyntax): boolean {
  const tags = [syntax.begin.trim(), syntax.end.trim()];
  if (!tags.every((tag) => source.includes(tag) && !specials.includes(tag))) return false;
  // Quotes are escaped if the template writes the tag within a string.
  const hasKey = (key: string) => new RegExp(`\\\\?"${key}\\\\?":`).test(source);
  const hasKeys = hasKey(syntax.nameKey) && hasKey(syntax.argumentsKey);
  return hasKeys && !others.some((text) => source.includes(text));
}
