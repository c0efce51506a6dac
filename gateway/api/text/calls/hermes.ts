// Hermes, Qwen2.5, Qwen3, Granite 4 and many others: a JSON object between tags.
import { hasAll, hasKey, jsonObject, type KnownSyntax } from './known-syntax.ts';

const object = jsonObject({ name: 'name', arguments: 'arguments' });

export const hermes: KnownSyntax = {
  name: 'Hermes',
  title:
    '<tool_call> with a JSON object of "name" and "arguments" inside (Hermes, Qwen2.5, Qwen3, Granite 4)',
  find: (template) => {
    const tags = hasAll(template, '<tool_call>', '</tool_call>');
    // Some models write a list between such tags, or another key first.
    if (/<tool_calls?>(?:\s|\\n)*(?:\[|\{\\?"tool_call_id)/.test(template.source)) return undefined;
    if (!tags || !hasKey(template, 'name') || !hasKey(template, 'arguments')) return undefined;
    return {
      ...object,
      marker: '<tool_call>',
      begin: '',
      beforeName: `<tool_call>\n${object.beforeName}`,
      afterArguments: `${object.afterArguments}\n</tool_call>`,
      between: '\n',
      end: '',
    };
  },
};
