// Tries Vercel's AI SDK with the three providers that support our APIs: two turns with a tool, streamed or not, and
// structured answers.
import assert from 'node:assert/strict';
import { createAnthropic } from '@ai-sdk/anthropic';
import { createOpenAI } from '@ai-sdk/openai';
import { createOpenAICompatible } from '@ai-sdk/openai-compatible';
import {
  generateObject,
  generateText,
  type LanguageModel,
  type ModelMessage,
  Output,
  stepCountIs,
  streamText,
  tool,
} from 'ai';
import { allOf, type Setting } from '../client.ts';
import { forecast, next, question, ROOM, weather, tool as weatherTool } from '../weather.ts';

export const name = 'AI SDK';
export const packages = ['ai', '@ai-sdk/openai', '@ai-sdk/anthropic', '@ai-sdk/openai-compatible'];

/** The gateway stores nothing, so the provider must send items and not references to them. */
const providerOptions = { openai: { store: false } };

interface Way {
  way: string;
  language: LanguageModel;
  signal: AbortSignal;
}

export function run({ baseUrl, model, signal }: Setting): Promise<string> {
  const baseURL = `${baseUrl}/v1`;
  const openai = createOpenAI({ baseURL, apiKey: 'none' });
  const anthropic = createAnthropic({ baseURL, apiKey: 'none' });
  const compatible = createOpenAICompatible({
    ...{ name: 'expertgrid', baseURL, apiKey: 'none', includeUsage: true, supportsStructuredOutputs: true },
  });
  const languages: Record<string, LanguageModel> = {
    'openai.responses': openai.responses(model),
    'openai.chat': openai.chat(model),
    anthropic: anthropic(model),
    'openai-compatible': compatible(model),
  };
  return allOf([
    ...Object.entries(languages).map(
      ([way, language]) =>
        () =>
          all({ way, language, signal }),
    ),
    () => storedTurn(openai.responses(model), signal),
    ...[openai.completion(model), compatible.completionModel(model)].map((language) => async () => {
      const { text } = await generateText({
        model: language,
        prompt: question,
        maxOutputTokens: 8,
        maxRetries: 0,
      });
      assert.equal(typeof text, 'string');
      return `${language.provider}: text`;
    }),
  ]);
}

/** Without `store: false`, the second turn refers to items of the first. The error must say what to do. */
async function storedTurn(language: LanguageModel, abortSignal: AbortSignal): Promise<string> {
  const asked = { model: language, maxOutputTokens: ROOM, maxRetries: 0, abortSignal };
  const messages: ModelMessage[] = [{ role: 'user', content: question }];
  const first = await generateText({ ...asked, messages });
  messages.push(...first.response.messages, { role: 'user', content: next });
  await assert.rejects(generateText({ ...asked, messages }), /stores no responses.*store = false/);
  return 'openai.responses without store: false: told to set it';
}

async function all({ way, language, signal }: Way): Promise<string> {
  const asked = {
    model: language,
    providerOptions,
    maxOutputTokens: ROOM,
    maxRetries: 0,
    abortSignal: signal,
  };
  let calls = 0;
  const tools = {
    weather: tool({
      description: weatherTool.description,
      inputSchema: weather,
      execute: (given) => {
        calls++;
        return forecast(given);
      },
    }),
  };
  const calling = {
    ...{ ...asked, tools, stopWhen: stepCountIs(2) },
    prepareStep: ({ stepNumber }: { stepNumber: number }) => ({
      toolChoice: stepNumber === 0 ? ({ type: 'tool', toolName: 'weather' } as const) : ('none' as const),
    }),
  };
  const step = async <T>(what: string, doing: () => Promise<T>): Promise<T> => {
    try {
      return await doing();
    } catch (error) {
      throw new Error(`${way}, ${what}: ${error instanceof Error ? error.message : error}`, { cause: error });
    }
  };

  const messages: ModelMessage[] = [{ role: 'user', content: question }];
  await step('first turn', async () => {
    messages.push(...(await generateText({ ...calling, messages })).responseMessages);
  });
  messages.push({ role: 'user', content: next });
  await step('second turn, streamed', async () => {
    const failures: unknown[] = [];
    const stream = streamText({ ...calling, messages, onError: ({ error }) => failures.push(error) });
    for await (const _ of stream.textStream);
    if (failures.length > 0) throw failures[0];
    messages.push(...(await stream.responseMessages));
  });
  assert.equal(calls, 2, `${way}: the tool ran ${calls} times`);
  await step('generateObject', async () => {
    weather.parse((await generateObject({ ...asked, schema: weather, prompt: question })).object);
  });
  await step('Output.object', async () => {
    weather.parse(
      (await generateText({ ...asked, output: Output.object({ schema: weather }), prompt: question })).output,
    );
  });
  return `${way}: two turns with a tool, streamed too, generateObject, Output.object`;
}
