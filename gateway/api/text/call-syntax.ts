// How a model writes a call of a tool, found in its chat template. Pure.
import type { CallSyntax } from '../../constraints/specification.ts';

/** Said to callers whose model writes calls otherwise. */
export const knownSyntaxes =
  '<tool_call> with a JSON object of "name" and "arguments" inside (Hermes, Qwen2.5, Qwen3)';

const hermes: CallSyntax = {
  begin: '<tool_call>\n',
  end: '\n</tool_call>',
  nameKey: 'name',
  argumentsKey: 'arguments',
  separator: '\n',
};

/** Others that begin with the same tag: Qwen3-Coder's and GLM's elements within it. */
const otherElements = ['<function=', '<arg_key>'];

/**
 * Undefined where the template, Jinja in `source`, shows no syntax that is known. `specials` are the names of special tokens:
 * a tag that is one is not text, and cannot be read or held to a grammar as text.
 */
export function callSyntaxOf(source: string, specials: readonly string[]): CallSyntax | undefined {
  const tags = [hermes.begin.trim(), hermes.end.trim()];
  const isText = tags.every((tag) => source.includes(tag) && !specials.includes(tag));
  // Quotes are escaped where the template writes the tag within a string.
  const hasKeys = /\\?"name\\?":/.test(source) && /\\?"arguments\\?":/.test(source);
  const isOther = otherElements.some((element) => source.includes(element));
  return isText && hasKeys && !isOther ? hermes : undefined;
}
