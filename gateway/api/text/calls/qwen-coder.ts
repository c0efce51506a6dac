// Qwen3-Coder: elements named after the function and its parameters. MiMo writes no line breaks next to values.
import { hasAll, type KnownSyntax } from './known-syntax.ts';

export const qwenCoder: KnownSyntax = {
  name: 'Qwen3-Coder',
  title: '<function=…> with <parameter=…> inside (Qwen3-Coder)',
  find: (template) => {
    if (!hasAll(template, '<tool_call>', '<function=', '<parameter=')) return undefined;
    const gap = /<parameter=\w+>\w/.test(template.source) ? '' : '\n';
    return {
      marker: '<tool_call>',
      begin: '',
      beforeName: '<tool_call>\n<function=',
      name: 'plain',
      beforeArguments: '>\n',
      arguments: {
        form: 'elements',
        beforeKey: '<parameter=',
        afterKey: `>${gap}`,
        afterValue: `${gap}</parameter>\n`,
      },
      afterArguments: '</function>\n</tool_call>',
      between: '\n',
      end: '',
    };
  },
};
