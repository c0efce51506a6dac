// GLM-4.5 and later: pairs of elements with a key and a value. Some versions write no line breaks between them.
import { hasAll, isHunyuan, type KnownSyntax } from './known-syntax.ts';

export const glm: KnownSyntax = {
  name: 'GLM',
  title: '<tool_call> with <arg_key> and <arg_value> inside (GLM-4.5 and later)',
  find: (template) => {
    const tags = hasAll(template, '<tool_call>', '<arg_key>', '<arg_value>');
    if (!tags || isHunyuan(template)) return undefined;
    return {
      marker: '<tool_call>',
      begin: '',
      beforeName: '<tool_call>',
      name: 'plain',
      beforeArguments: '\n',
      arguments: {
        form: 'elements',
        beforeKey: '<arg_key>',
        afterKey: '</arg_key>\n<arg_value>',
        afterValue: '</arg_value>\n',
      },
      afterArguments: '</tool_call>',
      between: '\n',
      end: '',
    };
  },
};
