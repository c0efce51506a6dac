// Finds in a chat template how the model writes tool calls. To support another syntax, add a file to this folder and a row here.
import type { CallSyntax } from '../../../constraints/specification.ts';
import { deepseek } from './deepseek.ts';
import { glm } from './glm.ts';
import { granite } from './granite.ts';
import { harmony } from './harmony.ts';
import { hermes } from './hermes.ts';
import type { KnownSyntax, TemplateText } from './known-syntax.ts';
import { llamaJson, llamaPython } from './llama.ts';
import { minimax } from './minimax.ts';
import { mistral, mistralArgs } from './mistral.ts';
import { qwenCoder } from './qwen-coder.ts';

/** The first syntax that a template shows is used: those with unusual tags come before those that share tags with them. */
export const knownSyntaxes: readonly KnownSyntax[] = [
  harmony,
  deepseek,
  minimax,
  qwenCoder,
  glm,
  mistralArgs,
  mistral,
  granite,
  hermes,
  llamaPython,
  llamaJson,
];

export const titlesOfSyntaxes = knownSyntaxes.map(({ title }) => title).join(', ');

/** Undefined if the template shows no known syntax. */
export function callSyntaxOf(template: TemplateText): CallSyntax | undefined {
  return namedSyntaxOf(template)?.syntax;
}

/** The syntax with the name of its row in `knownSyntaxes`. */
export function namedSyntaxOf(template: TemplateText): { name: string; syntax: CallSyntax } | undefined {
  for (const { name, find } of knownSyntaxes) {
    const syntax = find(template);
    if (syntax !== undefined) return { name, syntax };
  }
  return undefined;
}

/** All fixed texts of a syntax, in which special tokens may be named. */
export function textsOf(syntax: CallSyntax): string[] {
  const { marker, opener = '', begin, beforeName, beforeArguments, afterArguments, between, end } = syntax;
  const { id, channels, arguments: form } = syntax;
  return [
    ...[marker, opener, begin, beforeName, beforeArguments, afterArguments, between, end],
    ...(id === undefined ? [] : [id.begin, id.end]),
    ...(form.form === 'elements' ? [form.beforeKey, form.afterKey, form.afterValue] : []),
    ...(channels === undefined ? [] : Object.values(channels)),
  ];
}
