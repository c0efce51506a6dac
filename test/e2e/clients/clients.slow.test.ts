// Hundreds of calls of every kind and client at once. The clients abort some of them. All other answers must follow OpenAI's
// published API and match their schemas, and no generation may run afterwards.
import { createOpenAICompatible } from '@ai-sdk/openai-compatible';
import { ChatOpenAI } from '@langchain/openai';
import { generateText, Output, streamText, tool } from 'ai';
import OpenAI from 'openai';
import { zodFunction, zodResponseFormat } from 'openai/helpers/zod';
import { beforeAll, expect, it } from 'vitest';
import { uniform } from '../../support/random.ts';
import { type Nano, requireIdle, startNano } from './nano.ts';
import { LONG, question, ROOM, weather } from './weather.ts';

const CALLS = 240;
const AT_ONCE = 12;

let nano: Nano;
beforeAll(async () => {
  nano = await startNano();
});

/** Kinds of calls. Each returns the value that must match the schema, or undefined. */
function callsOf({ baseURL, fetch }: Nano): ((seed: number) => Promise<unknown>)[] {
  const openai = new OpenAI({ baseURL, apiKey: 'none', maxRetries: 0, fetch });
  const messages = [{ role: 'user' as const, content: question }];
  const chat = (seed: number) => ({
    model: 'nano',
    messages,
    seed,
    temperature: 1.5,
    max_completion_tokens: ROOM,
  });
  const format = { response_format: zodResponseFormat(weather, 'weather') };
  const named = {
    tools: [zodFunction({ name: 'weather', parameters: weather })],
    tool_choice: { type: 'function' as const, function: { name: 'weather' } },
  };
  const provider = createOpenAICompatible({
    ...{ name: 'expertgrid', baseURL, fetch, includeUsage: true, supportsStructuredOutputs: true },
  });
  const vercel = (seed: number) => ({
    ...{
      model: provider('nano'),
      prompt: question,
      seed,
      temperature: 1.5,
      maxOutputTokens: ROOM,
      maxRetries: 0,
    },
  });
  const tools = { weather: tool({ inputSchema: weather }) };
  const langchain = (seed: number) =>
    new ChatOpenAI({
      ...{
        model: 'nano',
        apiKey: 'none',
        maxRetries: 0,
        temperature: 1.5,
        maxTokens: ROOM,
        modelKwargs: { seed },
      },
      configuration: { baseURL, fetch },
    });
  return [
    async (seed) =>
      (await openai.chat.completions.parse({ ...chat(seed), ...format })).choices[0]?.message.parsed,
    async (seed) => {
      const stream = openai.chat.completions.stream({ ...chat(seed), ...named });
      const [call] = (await stream.finalChatCompletion()).choices[0]?.message.tool_calls ?? [];
      return call?.type === 'function' && call.function.parsed_arguments;
    },
    async (seed) =>
      (await generateText({ ...vercel(seed), output: Output.object({ schema: weather }) })).output,
    async (seed) => {
      const [call] = await streamText({ ...vercel(seed), tools, toolChoice: 'required' }).toolCalls;
      return call?.input;
    },
    (seed) =>
      langchain(seed)
        .withStructuredOutput(weather, { method: 'jsonSchema', name: 'weather' })
        .invoke(question),
    (seed) => langchain(seed).withStructuredOutput(weather, { method: 'functionCalling' }).invoke(question),
    async (seed) => {
      const asked = {
        model: 'nano',
        prompt: question,
        seed,
        n: 3,
        max_tokens: 20,
        logprobs: 2,
        stream: true as const,
      };
      for await (const _ of await openai.completions.create(asked));
    },
    async (seed) => {
      const more = { max_completion_tokens: LONG, stream: true as const, ignore_eos: true };
      const stream = await openai.chat.completions.create({ ...chat(seed), ...more });
      let chunks = 0;
      for await (const _ of stream) if (++chunks > seed % 7) stream.controller.abort();
    },
  ];
}

it('hundreds of calls at once get valid answers and leave nothing running', async () => {
  const kinds = callsOf(nano);
  const random = uniform(11);
  const open = Array.from({ length: CALLS }, (_, seed) => ({
    seed,
    kind: Math.floor(random() * kinds.length),
  }));
  const wrong: unknown[] = [];
  const work = async () => {
    for (let next = open.pop(); next !== undefined; next = open.pop()) {
      const given = await kinds[next.kind]?.(next.seed);
      if (next.kind < 6 && !weather.safeParse(given).success) wrong.push({ ...next, given });
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, work));
  expect(wrong).toEqual([]);
  await requireIdle(nano);
  nano.requirePublished();
});
