// GLM-4.5 and later: pairs of elements with a key and a value. GLM-4.7 writes no line breaks between them.
import { hasAll, isHunyuan, type KnownSyntax } from './known-syntax.ts';

export const glm: KnownSyntax = {
  name: 'GLM',
  title: '<tool_call> with <arg_key> and <arg_value> inside (GLM-4.5 and later)',
  find: (template) => {
    const tags = hasAll(template, '<tool_call>', '<arg_key>', '<arg_value>');
    if (!tags || isHunyuan(template)) return undefined;
    const gap = template.source.includes('</arg_key><arg_value>') ? '' : '\n';
    return {
      marker: '<tool_call>',
      begin: '',
      beforeName: '<tool_call>',
      name: 'plain',
      beforeArguments: gap,
      arguments: {
        form: 'elements',
        beforeKey: '<arg_key>',
        afterKey: `</arg_key>${gap}<arg_value>`,
        afterValue: `</arg_value>${gap}`,
      },
      afterArguments: '</tool_call>',
      between: '\n',
      end: '',
    };
  },
};
