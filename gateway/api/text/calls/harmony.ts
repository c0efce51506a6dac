// GPT-OSS (harmony): an answer is divided into messages on channels. A call is a message on the channel `commentary`, and its last
// token ends the answer, so there is one call in an answer.
import { hasAll, type KnownSyntax } from './known-syntax.ts';

export const harmony: KnownSyntax = {
  name: 'GPT-OSS',
  title: '<|channel|>commentary to=functions.… (GPT-OSS)',
  find: (template) => {
    if (!hasAll(template, '<|start|>', '<|channel|>', '<|message|>', '<|end|>')) return undefined;
    const recipient = ' to=functions.';
    return {
      marker: '',
      begin: '',
      beforeName: `<|channel|>commentary${recipient}`,
      name: 'plain',
      beforeArguments: ' <|constrain|>json<|message|>',
      arguments: { form: 'json' },
      afterArguments: '<|call|>',
      between: '',
      end: '',
      single: true,
      toolFirst: {
        beforeName: recipient,
        beforeArguments: '<|channel|>commentary json<|message|>',
      },
      channels: {
        start: '<|start|>assistant',
        channel: '<|channel|>',
        message: '<|message|>',
        end: '<|end|>',
        thinking: 'analysis',
        commentary: 'commentary',
        final: 'final',
      },
    };
  },
};
