// Tests the official openai client against a running `up` on nano: answers (streamed or not), tools, structured answers,
// aborts, errors.
import OpenAI, { APIUserAbortError, BadRequestError, NotFoundError } from 'openai';
import { zodFunction, zodResponseFormat } from 'openai/helpers/zod';
import { afterEach, beforeAll, describe, expect, it } from 'vitest';
import { busy, type Nano, requireStopped } from './nano.ts';
import { LONG, question, ROOM, weather } from './weather.ts';

/** `given` returns the running `up` once it has started. */
export function openaiSuite(given: () => Nano): void {
  describe('the openai client', () => {
    let nano: Nano;
    let client: OpenAI;
    beforeAll(() => {
      nano = given();
      client = new OpenAI({ baseURL: nano.baseURL, apiKey: 'none', maxRetries: 0, fetch: nano.fetch });
    });
    afterEach(() => nano.requirePublished());

    const messages = [{ role: 'user' as const, content: question }];
    const chat = { model: 'nano', messages, max_completion_tokens: 12, seed: 5, temperature: 1.2 };
    const forced = { type: 'function' as const, function: { name: 'weather' } };
    const tool = zodFunction({ name: 'weather', parameters: weather, description: 'Tells the weather.' });
    const calling = { ...chat, tools: [tool], tool_choice: forced, max_completion_tokens: ROOM };
    const structured = {
      ...chat,
      response_format: zodResponseFormat(weather, 'weather'),
      max_completion_tokens: ROOM,
    };

    describe('streamed or not', () => {
      it('choices of a chat have the same text, differ from each other, and have log-probabilities if requested', async () => {
        const asked = { ...chat, n: 3, temperature: 1.8, logprobs: true, top_logprobs: 2 };
        const whole = await client.chat.completions.create(asked);
        const texts = whole.choices.map(({ message }) => message.content);
        expect(new Set(texts).size).toBe(3);
        const stream = await client.chat.completions.create({
          ...asked,
          stream: true,
          stream_options: { include_usage: true },
        });
        const told = ['', '', ''];
        const logprobs: number[][] = [[], [], []];
        let usage: OpenAI.CompletionUsage | null | undefined;
        for await (const chunk of stream) {
          for (const { index, delta, logprobs: entries } of chunk.choices) {
            told[index] += delta.content ?? '';
            logprobs[index]?.push(...(entries?.content ?? []).map(({ logprob }) => logprob));
          }
          usage = chunk.usage;
        }
        expect(told).toEqual(texts);
        expect(logprobs).toEqual(
          whole.choices.map(({ logprobs }) => logprobs?.content?.map(({ logprob }) => logprob)),
        );
        expect(usage).toMatchObject({
          prompt_tokens: whole.usage?.prompt_tokens,
          completion_tokens: whole.usage?.completion_tokens,
        });
      });

      it('choices of several prompts have the same text', async () => {
        const asked = {
          model: 'nano',
          prompt: ['The sea', 'A ship'],
          max_tokens: 6,
          n: 2,
          seed: 3,
          logprobs: 1,
          echo: true,
        };
        const whole = await client.completions.create(asked);
        const texts = ['', '', '', ''];
        for await (const { choices } of await client.completions.create({ ...asked, stream: true })) {
          for (const { index, text } of choices) texts[index] += text;
        }
        expect(texts).toEqual(whole.choices.map(({ text }) => text));
        expect(texts.map((text) => text.slice(0, 6))).toEqual(['The se', 'The se', 'A ship', 'A ship']);
      });
    });

    it('lists the served model', async () => {
      const [model] = (await client.models.list()).data;
      expect(model).toEqual(await client.models.retrieve('nano'));
      expect(model?.id).toBe('nano');
    });

    describe('tools', () => {
      it('calls the tool that tool_choice names, with arguments that match its schema', async () => {
        const { choices } = await client.chat.completions.parse(calling);
        expect(choices[0]?.finish_reason).toBe('tool_calls');
        const calls = (choices[0]?.message.tool_calls ?? []).map((call) => {
          if (call.type !== 'function') throw new Error(`a call of another type: ${call.type}`);
          return call.function;
        });
        expect(calls.map(({ name }) => name)).toEqual(['weather']);
        expect(weather.safeParse(calls[0]?.parsed_arguments).success).toBe(true);
      });

      it('the client joins the parts of a streamed call', async () => {
        const begun: unknown[] = [];
        const stream = client.chat.completions
          .stream({
            ...calling,
            logprobs: true,
            tool_choice: 'required' as const,
            parallel_tool_calls: false,
          })
          .on('tool_calls.function.arguments.done', ({ name, parsed_arguments }) => {
            begun.push([name, weather.safeParse(parsed_arguments).success]);
          });
        const [choice] = (await stream.finalChatCompletion()).choices;
        expect(choice?.finish_reason).toBe('tool_calls');
        expect(choice?.message.tool_calls).toHaveLength(1);
        expect(begun).toEqual([['weather', true]]);
      });

      it('calls tools in several turns and sends each result back', async () => {
        const asked: string[] = [];
        const runner = client.chat.completions.runTools(
          {
            ...chat,
            max_completion_tokens: ROOM,
            tool_choice: 'required',
            parallel_tool_calls: false,
            tools: [
              zodFunction({
                name: 'weather',
                parameters: weather,
                function: ({ city }) => {
                  asked.push(city);
                  return `<|end|> It rains in ${city}.`;
                },
              }),
            ],
          },
          { maxChatCompletions: 2 },
        );
        await runner.done();
        const roles = runner.messages.map(({ role }) => role);
        expect(roles).toEqual(['user', 'assistant', 'tool', 'assistant', 'tool']);
        expect(asked.every((city) => weather.shape.city.safeParse(city).success)).toBe(true);
      });
    });

    describe('structured', () => {
      it('every choice matches the schema, streamed or not', async () => {
        const { choices } = await client.chat.completions.parse({ ...structured, n: 3 });
        for (const { finish_reason, message } of choices) {
          expect(finish_reason).toBe('stop');
          expect(message.refusal).toBeNull();
          expect(weather.parse(message.parsed)).toEqual(JSON.parse(message.content ?? ''));
        }
        const streamed = await client.chat.completions.stream(structured).finalChatCompletion();
        expect(streamed.choices[0]?.message.parsed).toEqual(choices[0]?.message.parsed);
      });

      it('an answer that max_tokens cuts off makes the client throw', async () => {
        const cut = client.chat.completions.parse({ ...structured, max_completion_tokens: 3 });
        await expect(cut).rejects.toMatchObject({ message: expect.stringContaining('length limit') });
      });

      it('json_object without a schema gives any object', async () => {
        const { choices } = await client.chat.completions.create({
          ...chat,
          response_format: { type: 'json_object' },
          max_completion_tokens: 24,
        });
        const [choice] = choices;
        const text = choice?.message.content ?? '';
        expect(text.trimStart().startsWith('{')).toBe(true);
        if (choice?.finish_reason === 'stop') expect(JSON.parse(text)).toBeTypeOf('object');
      });
    });

    describe('aborted', () => {
      it('a stream that is left stops the generation', async () => {
        await requireStopped(nano, async () => {
          const stream = await client.chat.completions.create({
            ...chat,
            max_completion_tokens: LONG,
            stream: true,
            ...{ ignore_eos: true },
          });
          let chunks = 0;
          for await (const _ of stream) if (++chunks === 4) stream.controller.abort();
        });
      });

      it('an aborted request without a stream stops the generation', async () => {
        await requireStopped(nano, async () => {
          const leave = new AbortController();
          const asked = { model: 'nano', prompt: 'The sea', max_tokens: LONG, ...{ ignore_eos: true } };
          const answer = client.completions
            .create(asked, { signal: leave.signal })
            .catch((error: unknown) => error);
          await busy(nano);
          leave.abort();
          expect(await answer).toBeInstanceOf(APIUserAbortError);
        });
      });
    });

    describe('erroring', () => {
      const failed = (call: Promise<unknown>) => call.then(() => undefined).catch((error: unknown) => error);

      it('answers 404 to an unknown model', async () => {
        const error = await failed(client.chat.completions.create({ ...chat, model: 'gpt-4' }));
        expect(error).toBeInstanceOf(NotFoundError);
        const told = { status: 404, code: 'model_not_found', param: 'model', type: 'invalid_request_error' };
        expect(error).toMatchObject({ ...told, requestID: expect.stringMatching(/./) });
      });

      it.each([
        ['a value out of range', { temperature: 9 }, 'temperature', 'decimal_above_max_value'],
        ['an unknown field', { temprature: 1 }, 'temprature', 'unknown_parameter'],
        [
          'a prompt that is too long',
          { messages: [{ role: 'user' as const, content: 'a b c '.repeat(2000) }] },
          'messages',
          'context_length_exceeded',
        ],
        [
          'a tool that is not offered',
          { tools: [tool], tool_choice: { type: 'function' as const, function: { name: 'g' } } },
          'tool_choice.function.name',
          'invalid_value',
        ],
      ])('%s is a bad request', async (_, fields, param, code) => {
        for (const stream of [false, true]) {
          const error = await failed(client.chat.completions.create({ ...chat, ...fields, stream }));
          expect(error).toBeInstanceOf(BadRequestError);
          expect(error).toMatchObject({ status: 400, param, code, type: 'invalid_request_error' });
        }
      });

      it('answers 400 naming the keyword if a schema has an unsupported keyword', async () => {
        const schema = { type: 'object', properties: { a: { unevaluatedItems: false } }, required: ['a'] };
        const error = await failed(
          client.chat.completions.create({
            ...chat,
            response_format: { type: 'json_schema', json_schema: { name: 'x', schema, strict: true } },
          }),
        );
        expect(error).toBeInstanceOf(BadRequestError);
        expect(error).toMatchObject({
          message: expect.stringContaining("'unevaluatedItems'"),
          param: 'response_format.json_schema.schema.properties.a.unevaluatedItems',
          code: 'invalid_json_schema',
        });
      });
    });
  });
}
