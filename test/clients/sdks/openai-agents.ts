// Tries OpenAI's agents library: two turns with a tool, streamed or not, over the chat API and the Responses API.
import assert from 'node:assert/strict';
import {
  Agent,
  type AgentInputItem,
  OpenAIProvider,
  Runner,
  setTracingDisabled,
  tool,
  user,
} from '@openai/agents';
import OpenAI from 'openai';
import { allOf, type ModelName, type Setting } from '../client.ts';
import { forecast, next, question, weather, tool as weatherTool } from '../weather.ts';

export const name = 'OpenAI Agents';
export const packages = ['@openai/agents', 'openai'];
/** `long`, because the library fails if the end of the context cuts an answer, which can happen with nano. */
export const models: readonly ModelName[] = ['long'];

export function run(setting: Setting): Promise<string> {
  setTracingDisabled(true);
  return allOf(
    [false, true].flatMap((useResponses) =>
      [false, true].map((stream) => () => twoTurns(setting, { useResponses, stream })),
    ),
  );
}

interface Way {
  useResponses: boolean;
  stream: boolean;
}

async function twoTurns({ baseUrl, model, signal }: Setting, { useResponses, stream }: Way): Promise<string> {
  const openAIClient = new OpenAI({ baseURL: `${baseUrl}/v1`, apiKey: 'none', maxRetries: 0 });
  const runner = new Runner({ modelProvider: new OpenAIProvider({ openAIClient, useResponses }) });
  let calls = 0;
  const agent = new Agent({
    name: 'Forecaster',
    instructions: 'Tell the weather.',
    model,
    // The tool is forced in the first request of each turn. After that, the library uses auto.
    modelSettings: { toolChoice: 'required', parallelToolCalls: false },
    tools: [
      tool({
        ...weatherTool,
        parameters: weather,
        execute: (given) => {
          calls++;
          return forecast(given);
        },
      }),
    ],
  });
  let history: AgentInputItem[] = [];
  for (const text of [question, next]) {
    history = await turnOf([...history, user(text)]);
  }
  assert.equal(calls, 2);
  return `${useResponses ? 'responses' : 'chat'}, two turns with a tool${stream ? ', streamed' : ''}`;

  async function turnOf(input: AgentInputItem[]): Promise<AgentInputItem[]> {
    if (!stream) return (await runner.run(agent, input, { signal, maxTurns: 3 })).history;
    const streamed = await runner.run(agent, input, { signal, maxTurns: 3, stream: true });
    for await (const _ of streamed);
    await streamed.completed;
    assert.equal(streamed.error, null);
    return streamed.history;
  }
}
