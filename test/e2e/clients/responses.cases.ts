// Tests the Responses API with the official openai client against a running `up` on nano: answers (streamed or not),
// tools, structured answers, aborts, errors.
import OpenAI, { BadRequestError, NotFoundError } from 'openai';
import { zodResponsesFunction, zodTextFormat } from 'openai/helpers/zod';
import { afterEach, beforeAll, describe, expect, it } from 'vitest';
import { type Nano, requireStopped } from './nano.ts';
import { LONG, question, ROOM, weather } from './weather.ts';

/** `given` returns the running `up` once it has started. */
export function responsesSuite(given: () => Nano): void {
  describe('the openai client’s responses', () => {
    let nano: Nano;
    let client: OpenAI;
    beforeAll(() => {
      nano = given();
      client = new OpenAI({ baseURL: nano.baseURL, apiKey: 'none', maxRetries: 0, fetch: nano.fetch });
    });
    afterEach(() => nano.requirePublished());

    const asked = { model: 'nano', input: question, max_output_tokens: 12, temperature: 1.2, ...{ seed: 5 } };
    const tool = zodResponsesFunction({
      name: 'weather',
      parameters: weather,
      description: 'Tells the weather.',
    });

    it('have the same text, streamed or not', async () => {
      const whole = await client.responses.create(asked);
      expect(['completed', 'incomplete']).toContain(whole.status);
      let text = '';
      const stream = client.responses.stream(asked);
      stream.on('response.output_text.delta', ({ delta }) => {
        text += delta;
      });
      const last = await stream.finalResponse();
      expect([text, last.output_text]).toEqual([whole.output_text, whole.output_text]);
      expect(last.usage?.output_tokens).toBe(whole.usage?.output_tokens);
    });

    it('call a tool, streamed or not, and accept its result', async () => {
      const calling = {
        ...{ ...asked, max_output_tokens: ROOM, tools: [tool] },
        tool_choice: { type: 'function' as const, name: 'weather' },
      };
      const { output } = await client.responses.parse(calling);
      const [call] = output;
      if (call?.type !== 'function_call') throw new Error(`the output is ${call?.type}`);
      expect(weather.safeParse(call.parsed_arguments).success).toBe(true);
      const streamed = (await client.responses.stream(calling).finalResponse()).output;
      expect(streamed).toMatchObject([{ type: 'function_call', arguments: call.arguments }]);
      const { call_id, name, arguments: given } = call;
      const next = await client.responses.create({
        ...{ ...asked, tools: [tool] },
        input: [
          { role: 'user', content: question },
          { type: 'function_call', call_id, name, arguments: given },
          { type: 'function_call_output', call_id, output: 'It rains.' },
        ],
      });
      expect(next.usage?.output_tokens).toBeGreaterThan(0);
    });

    it('match a schema, streamed or not', async () => {
      const text = { format: zodTextFormat(weather, 'weather') };
      const structured = { ...asked, text, max_output_tokens: ROOM };
      const whole = await client.responses.parse(structured);
      expect(whole.status).toBe('completed');
      expect(weather.safeParse(whole.output_parsed).success).toBe(true);
      const last = await client.responses.stream(structured).finalResponse();
      expect(last.output_parsed).toEqual(whole.output_parsed);
    });

    it('stop the generation when the client leaves a stream', async () => {
      await requireStopped(nano, async () => {
        const endless = { max_output_tokens: LONG, stream: true as const, ...{ ignore_eos: true } };
        const stream = await client.responses.create({ ...asked, ...endless });
        let events = 0;
        for await (const _ of stream) if (++events === 8) stream.controller.abort();
      });
    });

    it('make the client throw its typed errors', async () => {
      const thrown = (call: Promise<unknown>) => call.then(() => undefined).catch((error: unknown) => error);
      for (const stream of [false, true]) {
        const hot = await thrown(client.responses.create({ ...asked, temperature: 9, stream }));
        expect(hot).toBeInstanceOf(BadRequestError);
        expect(hot).toMatchObject({ status: 400, param: 'temperature', code: 'decimal_above_max_value' });
        const other = await thrown(client.responses.create({ ...asked, model: 'gpt-4', stream }));
        expect(other).toBeInstanceOf(NotFoundError);
        expect(other).toMatchObject({ status: 404, param: 'model', code: 'model_not_found' });
      }
      const long = { ...asked, max_output_tokens: 100_000 };
      expect(await thrown(client.responses.create(long))).toMatchObject({ code: 'context_length_exceeded' });
    });
  });
}
