// Tests the Vercel AI SDK against a running `up` on nano: chats (streamed or not), tools over several turns, structured
// answers, aborts, errors.
import { createOpenAICompatible } from '@ai-sdk/openai-compatible';
import {
  APICallError,
  generateText,
  isStepCount,
  type LanguageModel,
  NoObjectGeneratedError,
  Output,
  streamText,
  tool,
} from 'ai';
import { afterEach, beforeAll, describe, expect, it } from 'vitest';
import { busy, type Nano, requireStopped } from './nano.ts';
import { LONG, question, ROOM, type Weather, weather } from './weather.ts';

/** `given` returns the running `up` once it has started. */
export function vercelSuite(given: () => Nano): void {
  describe('the Vercel AI SDK', () => {
    let nano: Nano;
    let model: LanguageModel;
    let other: LanguageModel;
    beforeAll(() => {
      nano = given();
      const provider = createOpenAICompatible({
        name: 'expertgrid',
        baseURL: nano.baseURL,
        fetch: nano.fetch,
        includeUsage: true,
        supportsStructuredOutputs: true,
      });
      model = provider('nano');
      other = provider('gpt-4');
    });
    afterEach(() => nano.requirePublished());

    const asked = { prompt: question, maxOutputTokens: 12, temperature: 1.2, seed: 5, maxRetries: 0 };
    /** Fields that the SDK does not define. */
    const endless = { providerOptions: { expertgrid: { ignore_eos: true } }, maxOutputTokens: LONG };

    function tools(runs: Weather[]) {
      const execute = async (input: Weather) => {
        runs.push(input);
        return { sky: 'grey', of: input.city };
      };
      return { weather: tool({ description: 'Tells the weather.', inputSchema: weather, execute }) };
    }

    describe('streamed or not', () => {
      it('chats have the same text and usage', async () => {
        const whole = await generateText({ model, ...asked });
        expect(['stop', 'length']).toContain(whole.finishReason);
        expect(whole.usage.outputTokens).toBeGreaterThan(0);
        const streamed = streamText({ model, ...asked });
        let text = '';
        for await (const piece of streamed.textStream) text += piece;
        expect(text).toBe(whole.text);
        expect(await streamed.finishReason).toBe(whole.finishReason);
        const { inputTokens, outputTokens } = await streamed.usage;
        expect([inputTokens, outputTokens]).toEqual([whole.usage.inputTokens, whole.usage.outputTokens]);
      });
    });

    describe('tools', () => {
      const calling = {
        ...asked,
        maxOutputTokens: ROOM,
        toolChoice: 'required' as const,
        stopWhen: isStepCount(2),
        providerOptions: { expertgrid: { parallel_tool_calls: false } },
      };

      it('run in several turns, and each result is sent back', async () => {
        const runs: Weather[] = [];
        const { steps } = await generateText({ model, ...calling, tools: tools(runs) });
        expect(steps.map(({ finishReason }) => finishReason)).toEqual(['tool-calls', 'tool-calls']);
        expect(steps.every(({ toolCalls }) => toolCalls.length > 0)).toBe(true);
        expect(steps.flatMap(({ toolCalls }) => toolCalls.map(({ input }) => input))).toEqual(runs);
        expect(steps.flatMap(({ toolResults }) => toolResults.map(({ output }) => output))).toEqual(
          runs.map(({ city }) => ({ sky: 'grey', of: city })),
        );
      });

      it('run in several turns of a stream', async () => {
        const runs: Weather[] = [];
        const streamed = streamText({ model, ...calling, tools: tools(runs) });
        const steps = await streamed.steps;
        expect(steps.map(({ finishReason }) => finishReason)).toEqual(['tool-calls', 'tool-calls']);
        expect(steps.flatMap(({ toolCalls }) => toolCalls.map(({ input }) => input))).toEqual(runs);
        expect(runs.length).toBeGreaterThan(1);
        for (const run of runs) expect(weather.safeParse(run).success).toBe(true);
      });

      it('the tool that toolChoice names is called', async () => {
        const runs: Weather[] = [];
        const toolChoice = { type: 'tool' as const, toolName: 'weather' as const };
        const { toolCalls } = await generateText({
          ...{ model, ...calling, toolChoice, stopWhen: isStepCount(1), tools: tools(runs) },
        });
        expect(toolCalls.map(({ toolName, input }) => [toolName, input])).toEqual([['weather', runs[0]]]);
      });
    });

    describe('structured', () => {
      const object = { ...asked, maxOutputTokens: ROOM, output: Output.object({ schema: weather }) };

      it('an object matches its schema, streamed or not', async () => {
        const { output } = await generateText({ model, ...object });
        expect(weather.parse(output)).toEqual(output);
        const streamed = streamText({ model, ...object });
        const partial: unknown[] = [];
        for await (const one of streamed.partialOutputStream) partial.push(one);
        expect(partial.at(-1)).toEqual(output);
        expect(await streamed.output).toEqual(output);
      });

      it('a list and a choice, which the SDK wraps in objects, match their schemas', async () => {
        const choice = Output.choice({ options: ['rain', 'sun'] });
        const { output } = await generateText({ model, ...object, output: choice });
        expect(['rain', 'sun']).toContain(output);
        const array = Output.array({ element: weather.pick({ city: true }) });
        const list = await generateText({ model, ...object, output: array }).then(
          ({ output }) => output,
          (error: unknown) => error,
        );
        // A list has no maximum length, so it may be cut off.
        if (Array.isArray(list))
          for (const one of list) expect(weather.shape.city.safeParse(one.city).success).toBe(true);
        else expect(NoObjectGeneratedError.isInstance(list)).toBe(true);
      });

      it('an object that is cut off makes the SDK throw', async () => {
        const cut = generateText({ model, ...object, maxOutputTokens: 3 }).then(({ output }) => output);
        const error = await cut.catch((thrown: unknown) => thrown);
        expect(NoObjectGeneratedError.isInstance(error) && error.finishReason).toBe('length');
      });
    });

    describe('aborted', () => {
      it('a stream that is left stops the generation', async () => {
        await requireStopped(nano, async () => {
          const leave = new AbortController();
          const streamed = streamText({ model, ...asked, ...endless, abortSignal: leave.signal });
          const seen: string[] = [];
          for await (const { type } of streamed.stream) {
            seen.push(type);
            if (seen.filter((one) => one === 'text-delta').length === 4) leave.abort();
          }
          expect(seen.at(-1)).toBe('abort');
        });
      });

      it('an aborted request without a stream stops the generation', async () => {
        await requireStopped(nano, async () => {
          const leave = new AbortController();
          const answer = generateText({ model, ...asked, ...endless, abortSignal: leave.signal }).catch(
            (error: unknown) => error,
          );
          await busy(nano);
          leave.abort();
          expect(await answer).toMatchObject({ name: 'AbortError' });
        });
        await generateText({ model, ...asked });
      });
    });

    describe('erroring', () => {
      it.each<[string, () => LanguageModel, object, number, object]>([
        ['an unknown model', () => other, {}, 404, { code: 'model_not_found', param: 'model' }],
        [
          'a bad field',
          () => model,
          { temperature: 9 },
          400,
          { code: 'decimal_above_max_value', param: 'temperature' },
        ],
        [
          'an unknown field',
          () => model,
          { providerOptions: { expertgrid: { nonsense: 1 } } },
          400,
          { code: 'unknown_parameter', param: 'nonsense' },
        ],
      ])('%s', async (_, by, fields, statusCode, told) => {
        const expected = {
          statusCode,
          isRetryable: false,
          data: { error: { ...told, type: 'invalid_request_error' } },
        };
        const error = await generateText({ model: by(), ...asked, ...fields }).catch(
          (thrown: unknown) => thrown,
        );
        expect(APICallError.isInstance(error)).toBe(true);
        expect(error).toMatchObject(expected);
        const errors: unknown[] = [];
        const streamed = streamText({
          model: by(),
          ...asked,
          ...fields,
          onError: ({ error }) => errors.push(error),
        });
        await streamed.consumeStream();
        expect(errors).toMatchObject([expected]);
      });
    });
  });
}
