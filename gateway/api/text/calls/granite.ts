// Granite 3: a list of JSON objects after a special token. Phi-4-mini ends the list with another token.
import { jsonObject, type KnownSyntax } from './known-syntax.ts';

export const granite: KnownSyntax = {
  name: 'Granite',
  title: '<|tool_call|> with a JSON list behind it (Granite 3, Phi-4-mini)',
  find: ({ source }) => {
    if (!source.includes('<|tool_call|>')) return undefined;
    return {
      ...jsonObject({ name: 'name', arguments: 'arguments' }),
      marker: '<|tool_call|>',
      begin: '<|tool_call|>[',
      between: ', ',
      end: source.includes('<|/tool_call|>') ? ']<|/tool_call|>' : ']',
    };
  },
};
