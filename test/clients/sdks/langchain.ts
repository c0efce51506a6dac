// Tries LangChain's classes for OpenAI and Anthropic: a tool call and its result, a second turn, structured answers.
import assert from 'node:assert/strict';
import { ChatAnthropic } from '@langchain/anthropic';
import { AIMessage, type BaseMessage, HumanMessage } from '@langchain/core/messages';
import { tool } from '@langchain/core/tools';
import { ChatOpenAI } from '@langchain/openai';
import { z } from 'zod';
import { allOf, type Setting } from '../client.ts';
import { forecast, next, question, ROOM, weather, tool as weatherTool } from '../weather.ts';

export const name = 'LangChain';
/**
 * A schema of booleans only, because ChatAnthropic moves an enum into the description, where it does not constrain the
 * answer.
 */
const sky = z.object({ sunny: z.boolean(), windy: z.boolean() });

export const packages = ['@langchain/core', '@langchain/openai', '@langchain/anthropic'];

export function run({ baseUrl, model, signal }: Setting): Promise<string> {
  const openai = (useResponsesApi: boolean) =>
    new ChatOpenAI({
      ...{ model, apiKey: 'none', maxTokens: ROOM, maxRetries: 0, useResponsesApi },
      configuration: { baseURL: `${baseUrl}/v1` },
    });
  const anthropic = new ChatAnthropic({
    ...{ model, apiKey: 'none', maxTokens: ROOM, maxRetries: 0, anthropicApiUrl: baseUrl },
  });
  const ways: Record<string, ChatOpenAI | ChatAnthropic> = {
    'ChatOpenAI on chat': openai(false),
    'ChatOpenAI on responses': openai(true),
    ChatAnthropic: anthropic,
  };
  return allOf(
    Object.entries(ways).map(
      ([way, chat]) =>
        () =>
          all(way, chat, signal),
    ),
  );
}

async function all(way: string, chat: ChatOpenAI | ChatAnthropic, signal: AbortSignal): Promise<string> {
  const weatherOf = tool(forecast, { ...weatherTool, schema: weather });
  const steps: [string, () => Promise<void>][] = [];
  const messages: BaseMessage[] = [new HumanMessage(question)];
  const free = chat.bindTools([weatherOf]);
  steps.push([
    'first turn',
    async () => {
      const called = await chat
        .bindTools([weatherOf], { tool_choice: 'weather' })
        .invoke(messages, { signal });
      const [call] = called.tool_calls ?? [];
      assert.ok(call !== undefined, 'no tool was called');
      messages.push(called, await weatherOf.invoke({ ...call, type: 'tool_call' }));
      messages.push(await free.invoke(messages, { signal }), new HumanMessage(next));
    },
  ]);
  steps.push([
    'second turn, streamed',
    async () => {
      let chunks = 0;
      for await (const _ of await free.stream(messages, { signal })) chunks++;
      assert.ok(chunks > 0);
    },
  ]);
  for (const method of ['functionCalling', 'jsonSchema'] as const) {
    steps.push([
      `structured by ${method}`,
      async () => {
        const structured = chat.withStructuredOutput(sky, { name: 'weather', method });
        sky.parse(await structured.invoke([new HumanMessage(question)], { signal }));
      },
    ]);
  }
  for (const [what, step] of steps) {
    await step().catch((error: unknown) => {
      throw new Error(`${way}, ${what}: ${error instanceof Error ? error.message : error}`, { cause: error });
    });
  }
  assert.ok(messages.some((message) => AIMessage.isInstance(message)));
  return `${way}: two turns with a tool, streamed too, structured by function and by schema`;
}
