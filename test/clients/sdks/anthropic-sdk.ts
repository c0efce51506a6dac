// Tries the official anthropic client: messages in two turns, streams, structured answers, token counts, models, and its
// loop that runs tools.
import assert from 'node:assert/strict';
import Anthropic from '@anthropic-ai/sdk';
import { betaZodOutputFormat, betaZodTool } from '@anthropic-ai/sdk/helpers/beta/zod';
import { zodOutputFormat } from '@anthropic-ai/sdk/helpers/zod';
import { allOf, type Setting } from '../client.ts';
import { forecast, next, question, ROOM, weather, tool as weatherTool } from '../weather.ts';

export const name = 'Anthropic';
export const packages = ['@anthropic-ai/sdk'];

export function run({ baseUrl, model, signal }: Setting): Promise<string> {
  const client = new Anthropic({ baseURL: baseUrl, apiKey: 'none', maxRetries: 0 });
  const options = { signal };
  const user = (content: string) => ({ role: 'user' as const, content });
  const asked = { model, max_tokens: ROOM, messages: [user(question)] };

  const runner = async (stream: boolean): Promise<string> => {
    let calls = 0;
    const run = (given: Parameters<typeof forecast>[0]) => {
      calls++;
      return forecast(given);
    };
    const tools = [betaZodTool({ ...weatherTool, inputSchema: weather, run })];
    const forced = { type: 'tool' as const, name: 'weather' };
    // A forced tool is called in every request, so the number of iterations is limited.
    const beta = client.beta.messages.toolRunner(
      { ...asked, tools, tool_choice: forced, max_iterations: 2, stream },
      options,
    );
    for await (const _ of beta);
    assert.ok(calls >= 1, 'the tool did not run');
    return `toolRunner${stream ? ', streamed' : ''}`;
  };

  return allOf([
    async () => {
      const first = await client.messages.create({ ...asked, max_tokens: 8 }, options);
      const messages = [user(question), { role: first.role, content: first.content }, user(next)];
      const second = await client.messages
        .stream({ ...asked, messages, max_tokens: 8 }, options)
        .finalMessage();
      assert.ok(second.content.length > 0);
      return 'messages (two turns, streamed)';
    },
    async () => {
      const parsed = await client.messages.parse(
        { ...asked, output_config: { format: zodOutputFormat(weather) } },
        options,
      );
      weather.parse(parsed.parsed_output);
      const beta = await client.beta.messages.parse(
        { ...asked, output_config: { format: betaZodOutputFormat(weather) } },
        options,
      );
      weather.parse(beta.parsed_output);
      return 'parse';
    },
    () => runner(false),
    () => runner(true),
    async () => {
      assert.ok(
        (await client.messages.countTokens({ model, messages: [user(question)] }, options)).input_tokens > 0,
      );
      return 'countTokens';
    },
    async () => {
      const ids: string[] = [];
      for await (const { id } of client.models.list({}, options)) ids.push(id);
      assert.deepEqual(ids, [model], `models.list gave ${ids}`);
      const { type } = await client.models.retrieve(model, {}, options);
      assert.equal(type, 'model', `a model's type is ${type}`);
      await assert.rejects(client.models.retrieve('none', {}, options), Anthropic.NotFoundError);
      return 'models';
    },
  ]);
}
