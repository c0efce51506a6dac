// Tries the official openai client: completions, chats, responses, parsed answers, and its loop that runs tools.
import assert from 'node:assert/strict';
import OpenAI from 'openai';
import { zodFunction, zodResponseFormat } from 'openai/helpers/zod';
import { z } from 'zod';
import type { Setting } from '../client.ts';

export const name = 'openai';
export const packages = ['openai', 'zod'];

const question = 'What is the weather in Bonn?';
const weather = z.object({ city: z.enum(['Bonn', 'Rome']), sunny: z.boolean() });

export async function run({ baseUrl, model, signal }: Setting): Promise<string> {
  const client = new OpenAI({ baseURL: `${baseUrl}/v1`, apiKey: 'none', maxRetries: 0 });
  const messages = [{ role: 'user' as const, content: question }];
  const options = { signal };

  const completion = await client.completions.create({ model, prompt: question, max_tokens: 8 }, options);
  assert.ok((completion.usage?.completion_tokens ?? 0) > 0);
  let chunks = 0;
  const stream = await client.completions.create(
    { model, prompt: question, max_tokens: 8, stream: true },
    options,
  );
  for await (const _ of stream) chunks++;
  assert.ok(chunks > 0);

  const chat = await client.chat.completions.create({ model, messages, max_tokens: 8 }, options);
  const [choice] = chat.choices;
  assert.ok(choice);
  // The second turn sends the first answer back unchanged.
  const second = [...messages, choice.message, { role: 'user' as const, content: 'And in Rome?' }];
  await client.chat.completions.create({ model, messages: second, max_tokens: 8 }, options);

  const parsed = await client.chat.completions.parse(
    { model, messages, response_format: zodResponseFormat(weather, 'weather') },
    options,
  );
  weather.parse(parsed.choices[0]?.message.parsed);

  let ran = 0;
  const runner = client.chat.completions.runTools(
    {
      model,
      messages,
      max_tokens: 200,
      tool_choice: { type: 'function', function: { name: 'weather' } },
      tools: [
        zodFunction({
          name: 'weather',
          parameters: weather,
          function: ({ city }) => {
            ran++;
            return `It rains in ${city}.`;
          },
        }),
      ],
    },
    options,
  );
  await runner.done();
  assert.equal(ran, 1);

  const response = await client.responses.create({ model, input: question, max_output_tokens: 8 }, options);
  const input = [
    { role: 'user' as const, content: question },
    ...response.output.filter((item) => item.type === 'message'),
    { role: 'user' as const, content: 'And in Rome?' },
  ];
  await client.responses.create({ model, input, max_output_tokens: 8 }, options);
  return 'completions, chat (two turns), parse, runTools, responses (two turns)';
}
