// Granite 3: a list of JSON objects after a special token.
import { jsonObject, type KnownSyntax } from './known-syntax.ts';

export const granite: KnownSyntax = {
  name: 'Granite',
  title: '<|tool_call|> with a JSON list behind it (Granite 3)',
  find: ({ source }) => {
    // Its prompt asks for a list, or a role of its own writes the token before the text of the message.
    if (!/<\|tool_call\|>[^{}<]*\blist\b|'assistant_tool_call'/.test(source)) return undefined;
    return {
      ...jsonObject({ name: 'name', arguments: 'arguments' }),
      marker: '<|tool_call|>',
      begin: '<|tool_call|>[',
      between: ', ',
      end: ']',
    };
  },
};
