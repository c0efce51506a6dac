// Thinking at a running `up`. Nano gets a template that opens the thinking, so the engine must enforce the budgets.
import { mkdtemp, readdir, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import OpenAI from 'openai';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { requireShape } from '../../gateway/api/clients/openai-shapes.ts';
import { OPEN_THINKING_TEMPLATE, TOOL_TEMPLATE } from '../../support/models/chat-templates.ts';
import { type Gateway, startUp } from '../gateway.ts';

let dir: string;
let up: Gateway;
let client: OpenAI;
beforeAll(async () => {
  dir = await mkdtemp(path.join(tmpdir(), 'expertgrid-thinking-'));
  const nano = new URL('../../../models/nano/', import.meta.url).pathname;
  for (const name of await readdir(nano)) await symlink(path.join(nano, name), path.join(dir, name));
  const thinking = OPEN_THINKING_TEMPLATE.slice(OPEN_THINKING_TEMPLATE.lastIndexOf('<think>'));
  await writeFile(path.join(dir, 'chat_template.jinja'), `${TOOL_TEMPLATE}${thinking}{# </think> #}`);
  up = await startUp(dir, ['--in-process']);
  client = new OpenAI({ baseURL: `${up.url}/v1`, apiKey: 'none', maxRetries: 0 });
});
afterAll(() => rm(dir, { recursive: true }));

const messages = [{ role: 'user' as const, content: 'What is a whale?' }];
/** No answer ends before its limit. */
const asked = (fields: object) => ({ model: up.model, messages, seed: 3, ignore_eos: true, ...fields });

/** Fields that the client's types do not have. */
interface Thought {
  reasoning_content?: string;
}

it('thinking has exactly its budget of tokens, and the answer follows', async () => {
  for (const budget of [0, 1, 7]) {
    const request = asked({ max_thinking_tokens: budget, max_tokens: 40 });
    const { choices, usage } = await client.chat.completions.create(request);
    const message: (typeof choices)[0]['message'] & Thought = choices[0].message;
    expect(usage?.completion_tokens_details?.reasoning_tokens).toBe(budget);
    expect(message.content).toBeTruthy();
    expect(message.content).not.toContain('think>');
    expect(Boolean(message.reasoning_content)).toBe(budget > 0);
  }
  const none = await client.chat.completions.create(asked({ reasoning_effort: 'none', max_tokens: 20 }));
  expect(none.usage?.completion_tokens_details?.reasoning_tokens).toBe(0);
  requireShape(none);
});

it('a model that never ends its thinking has no answer without a budget', async () => {
  const { choices, usage } = await client.chat.completions.create(asked({ max_tokens: 6 }));
  expect(choices[0].message.content).toBe('');
  expect(usage?.completion_tokens_details?.reasoning_tokens).toBe(6);
});

it('a stream has the text of a whole answer, thinking first, and a tool call can follow the thinking', async () => {
  const request = asked({ max_thinking_tokens: 5, max_tokens: 24 });
  const whole = await client.chat.completions.create(request);
  const texts = { reasoning: '', content: '' };
  for await (const chunk of await client.chat.completions.create({ ...request, stream: true })) {
    requireShape(chunk, { chunk: true });
    const delta: (Thought & { content?: string | null }) | undefined = chunk.choices[0]?.delta;
    if (delta?.reasoning_content) expect(texts.content).toBe('');
    texts.reasoning += delta?.reasoning_content ?? '';
    texts.content += delta?.content ?? '';
  }
  const message: Thought & { content: string | null } = whole.choices[0].message;
  expect(texts).toEqual({ reasoning: message.reasoning_content, content: message.content });
  const tools = [{ type: 'function' as const, function: { name: 'look', parameters: { enum: [{}] } } }];
  const call = await client.chat.completions.create(
    asked({
      max_thinking_tokens: 5,
      max_tokens: 100,
      tools,
      tool_choice: 'required',
      parallel_tool_calls: false,
    }),
  );
  expect(call.choices[0]).toMatchObject({
    finish_reason: 'tool_calls',
    message: { content: null, tool_calls: [{ function: { name: 'look', arguments: '{}' } }] },
  });
  expect(call.usage?.completion_tokens_details?.reasoning_tokens).toBe(5);
});
