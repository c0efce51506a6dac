// OpenAI's agents library: two turns with a tool, whole and streamed, over chat and over responses.
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
/** The library takes an answer that the context's end cuts for a failure, and nano's may be. */
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
    // Forced in the first request of each turn; the library then goes back to auto.
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
