// Servers whose models call tools, and what the clients that OpenAI and Anthropic publish get from them.
import Anthropic from '@anthropic-ai/sdk';
import type OpenAI from 'openai';
import type { ChatCompletionCreateParamsNonStreaming } from 'openai/resources/chat/completions';
import { expect } from 'vitest';
import { createTokenizer } from '../../../../gateway/api/text/tokenizer.ts';
import {
  type CallModel,
  callTools,
  tokenizerWith,
  weatherArguments,
} from '../../../support/models/call-models.ts';
import { MODEL, openRoom } from '../harness.ts';

/** A server whose engine writes this text, in which names of the model's special tokens are these tokens, and then ends. */
export async function roomOf(model: CallModel, text: string) {
  const tokenizer = createTokenizer(tokenizerWith(model.specials));
  const idOf = (name: string) => tokenizer.idOf(name) ?? Number.NaN;
  const stopIds = ['<|endoftext|>', ...(model.stops ?? [])].map(idOf);
  const ids = [...tokenizer.encode(text, { addSpecial: false }), stopIds.at(-1) ?? 0];
  const vocab = Math.max(...tokenizer.added.map(({ id }) => id)) + 1;
  return openRoom({ tokenizer, stopIds, vocab, chat: model.template, reply: () => ids, context: 8000 });
}

export const messages = [{ role: 'user' as const, content: 'hello' }];
const expected = [
  { name: 'weather', args: weatherArguments },
  { name: 'time', args: {} },
];

const functions = callTools.map(({ function: own }) => ({ type: 'function' as const, ...own }));
const inputs = callTools.map(({ function: { name, parameters } }) => {
  return { name, input_schema: { ...parameters, type: 'object' as const } };
});

/** Sends calls in the model's syntax through the clients of the three endpoints, whole and streamed. */
export async function requireCalls(model: CallModel): Promise<void> {
  const text = model.both ?? model.weather;
  const wanted = model.both === undefined ? expected.slice(0, 1) : expected;
  const room = await roomOf(model, text);
  const { client, engine } = room;
  const anthropic = new Anthropic({ baseURL: room.url, apiKey: 'none', maxRetries: 0 });

  const asked = { model: MODEL, messages, tools: callTools };
  const { message: chat, finish_reason } = (await client.chat.completions.create(asked)).choices[0];
  expect([finish_reason, chat.content ?? '']).toEqual(['tool_calls', '']);
  const made = (chat.tool_calls ?? []).flatMap((call) => (call.type === 'function' ? call : []));
  expect(made.map(({ function: { name, arguments: json } }) => ({ name, args: JSON.parse(json) }))).toEqual(
    wanted,
  );
  requireOrder(await piecesOf(client, asked), wanted);

  const stream = client.responses.stream({ model: MODEL, input: 'hello', tools: functions });
  const response = await stream.finalResponse();
  const called = response.output.flatMap((item) => (item.type === 'function_call' ? item : []));
  expect(called.map(({ name, arguments: json }) => ({ name, args: JSON.parse(json) }))).toEqual(wanted);

  const turn = { model: MODEL, messages, max_tokens: 2000, tools: inputs };
  const message = await anthropic.messages.stream(turn).finalMessage();
  const uses = message.content.flatMap((block) => (block.type === 'tool_use' ? block : []));
  expect(uses.map(({ name, input }) => ({ name, args: input }))).toEqual(wanted);
  expect(message.stop_reason).toBe('tool_use');
  expect(engine.requests.every(({ constraint }) => constraint !== undefined)).toBe(true);
}

/** The pieces of calls in a stream. */
export async function piecesOf(client: OpenAI, asked: ChatCompletionCreateParamsNonStreaming) {
  const pieces = [];
  for await (const { choices } of await client.chat.completions.create({ ...asked, stream: true })) {
    pieces.push(...(choices[0]?.delta.tool_calls ?? []));
  }
  return pieces;
}

/** Each call begins with its index, id and name. Its other pieces are arguments, and the calls come one after another. */
function requireOrder(pieces: Awaited<ReturnType<typeof piecesOf>>, wanted: typeof expected): void {
  for (const [index, { name, args }] of wanted.entries()) {
    const [first, ...rest] = pieces.filter((piece) => piece.index === index);
    expect(first).toEqual({
      index,
      id: expect.stringMatching(/^call_/),
      type: 'function',
      function: { name, arguments: '' },
    });
    for (const piece of rest) expect(Object.keys(piece).sort()).toEqual(['function', 'index']);
    expect(JSON.parse(rest.map((piece) => piece.function?.arguments).join(''))).toEqual(args);
  }
  const order = pieces.map((piece) => piece.index);
  expect(order).toEqual([...order].sort((a, b) => a - b));
}
