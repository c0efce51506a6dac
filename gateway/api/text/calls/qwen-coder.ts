// Qwen3-Coder: elements named after the function and its parameters.
import { hasAll, type KnownSyntax } from './known-syntax.ts';

export const qwenCoder: KnownSyntax = {
  name: 'Qwen3-Coder',
  title: '<function=…> with <parameter=…> inside (Qwen3-Coder)',
  find: (template) => {
    if (!hasAll(template, '<tool_call>', '<function=', '<parameter=')) return undefined;
    return {
      marker: '<tool_call>',
      begin: '',
      beforeName: '<tool_call>\n<function=',
      name: 'plain',
      beforeArguments: '>\n',
      arguments: {
        form: 'elements',
        beforeKey: '<parameter=',
        afterKey: '>\n',
        afterValue: '\n</parameter>\n',
      },
      afterArguments: '</function>\n</tool_call>',
      between: '\n',
      end: '',
    };
  },
};
