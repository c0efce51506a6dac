// Mistral: a list of JSON objects after a special token, or since version 11 of its tokenizer each call behind a token of its own.
// Version 3 writes an id behind the arguments, and version 11 behind the name. Calls are read and held with ids and without.
import { hasKey, jsonObject, type KnownSyntax } from './known-syntax.ts';

export const mistral: KnownSyntax = {
  name: 'Mistral list',
  title: '[TOOL_CALLS] with a JSON list behind it (Mistral up to version 7 of its tokenizer)',
  find: (template) => {
    const { source } = template;
    if (!source.includes('[TOOL_CALLS]') || source.includes('[ARGS]')) return undefined;
    const gap = source.includes('[TOOL_CALLS][') ? '' : ' ';
    return {
      ...jsonObject({ name: 'name', arguments: 'arguments' }),
      marker: '[TOOL_CALLS]',
      begin: `[TOOL_CALLS]${gap}[`,
      ...(hasKey(template, 'id') && { id: { after: 'arguments', begin: ', "id": "', end: '"' } }),
      between: ', ',
      end: ']',
    };
  },
};

export const mistralArgs: KnownSyntax = {
  name: 'Mistral [ARGS]',
  title: '[TOOL_CALLS]name[ARGS] (Mistral from version 11 of its tokenizer)',
  find: ({ source }) => {
    if (!source.includes('[TOOL_CALLS]') || !source.includes('[ARGS]')) return undefined;
    return {
      marker: '[TOOL_CALLS]',
      begin: '',
      beforeName: '[TOOL_CALLS]',
      name: 'plain',
      ...(source.includes('[CALL_ID]') && { id: { after: 'name', begin: '[CALL_ID]', end: '' } }),
      beforeArguments: '[ARGS]',
      arguments: { form: 'json' },
      afterArguments: '',
      between: '',
      end: '',
    };
  },
};
