// MiniMax-M2: invocations within one element.
import { hasAll, type KnownSyntax } from './known-syntax.ts';

export const minimax: KnownSyntax = {
  name: 'MiniMax',
  title: '<minimax:tool_call> with <invoke name=…> inside (MiniMax-M2)',
  find: (template) => {
    if (!hasAll(template, '<minimax:tool_call>', '<invoke name=', '<parameter name=')) return undefined;
    return {
      marker: '<minimax:tool_call>',
      begin: '<minimax:tool_call>\n',
      beforeName: '<invoke name="',
      name: 'plain',
      beforeArguments: '">\n',
      arguments: {
        form: 'elements',
        beforeKey: '<parameter name="',
        afterKey: '">',
        afterValue: '</parameter>\n',
      },
      afterArguments: '</invoke>\n',
      between: '',
      end: '</minimax:tool_call>',
    };
  },
};
