// Finds in a chat template how the model writes a tool call. To support another syntax, add a row to `knownSyntaxes`.
import type { CallSyntax } from '../../constraints/specification.ts';

interface KnownSyntax {
  /** Describes the syntax in error messages. */
  title: string;
  syntax: CallSyntax;
  /** A template that contains one of these texts has another syntax with the same tags. */
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
    // Inside the same tag, Qwen3-Coder and GLM write elements instead of JSON.
    others: ['<function=', '<arg_key>'],
  },
];

export const titlesOfSyntaxes = knownSyntaxes.map(({ title }) => title).join(', ');

/**
 * Undefined if the template with the text `source` shows no known syntax. `specials` are the names of special tokens. A syntax
 * whose tag is a special token is not supported, because special tokens are not part of the text that is parsed and constrained.
 */
export function callSyntaxOf(source: string, specials: readonly string[]): CallSyntax | undefined {
  return knownSyntaxes.find((known) => shows(source, specials, known))?.syntax;
}

function shows(source: string, specials: readonly string[], { syntax, others }: KnownSyntax): boolean {
  const tags = [syntax.begin.trim(), syntax.end.trim()];
  if (!tags.every((tag) => source.includes(tag) && !specials.includes(tag))) return false;
  // The quotes of a key are escaped if the template writes the key within a Jinja string.
  const hasKey = (key: string) => new RegExp(`\\\\?"${key}\\\\?":`).test(source);
  const hasKeys = hasKey(syntax.nameKey) && hasKey(syntax.argumentsKey);
  return hasKeys && !others.some((text) => source.includes(text));
}
