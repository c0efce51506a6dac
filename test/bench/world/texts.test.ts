// The training texts of the small world are what the gateway makes of the same conversations with nano's chat template.
import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { type Conversation, compileTemplate } from '../../../gateway/api/text/template.ts';

const root = new URL('../../../', import.meta.url);

interface Rendered {
  kind: string;
  messages: (Record<string, unknown> & {
    tool_calls?: { function: { name: string; arguments: string } }[];
  })[];
  tools: NonNullable<Conversation['tools']>;
  text: string;
}

const read = (path: string): unknown => JSON.parse(readFileSync(new URL(path, root), 'utf8'));
const { chat_template: source } = read('models/nano/tokenizer_config.json') as { chat_template: string };
const template = compileTemplate(source, { bos: '<|endoftext|>', eos: '<|endoftext|>' });

it.each(read('train/world/rendered.json') as Rendered[])('$kind', ({ messages, tools, text }) => {
  // As in a request that the gateway has read, the arguments of calls are parsed.
  const parsed = messages.map(({ tool_calls, ...message }) => ({
    ...message,
    ...(tool_calls && {
      tool_calls: tool_calls.map(({ function: { name, arguments: text } }) => ({
        function: { name, arguments: JSON.parse(text) as unknown },
      })),
    }),
  }));
  const conversation = {
    messages: parsed,
    ...(tools.length > 0 && { tools }),
    variables: {},
    ending: 'none',
  } as unknown as Conversation;
  expect(template.render(conversation)).toBe(text);
});
