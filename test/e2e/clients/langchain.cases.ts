// Tests LangChain's ChatOpenAI against a running `up` on nano: chats (streamed or not), tools, structured answers, aborts,
// errors.
import { type AIMessageChunk, HumanMessage, ToolMessage } from '@langchain/core/messages';
import { tool } from '@langchain/core/tools';
import { ChatOpenAI } from '@langchain/openai';
import { afterEach, beforeAll, describe, expect, it } from 'vitest';
import { busy, type Nano, requireStopped } from './nano.ts';
import { LONG, question, ROOM, weather } from './weather.ts';

/** `given` returns the running `up` once it has started. */
export function langchainSuite(given: () => Nano): void {
  describe('LangChain’s ChatOpenAI', () => {
    let nano: Nano;
    beforeAll(() => {
      nano = given();
    });
    afterEach(() => nano.requirePublished());

    interface Options {
      maxTokens?: number;
      model?: string;
      /** Fields that LangChain does not define. */
      more?: Record<string, unknown>;
    }

    function chat({ maxTokens = 12, model = 'nano', more = {} }: Options = {}): ChatOpenAI {
      return new ChatOpenAI({
        ...{ model, maxTokens, temperature: 1.2, apiKey: 'none', maxRetries: 0 },
        modelKwargs: { seed: 5, ...more },
        configuration: { baseURL: nano.baseURL, fetch: nano.fetch },
      });
    }

    const weatherTool = tool(({ city }) => `It rains in ${city}.`, {
      name: 'weather',
      description: 'Tells the weather.',
      schema: weather,
    });

    describe('streamed or not', () => {
      it('chats have the same text and usage', async () => {
        const whole = await chat().invoke(question);
        expect(whole.response_metadata).toMatchObject({ model_name: 'nano' });
        expect(['stop', 'length']).toContain(whole.response_metadata.finish_reason);
        let all: AIMessageChunk | undefined;
        for await (const chunk of await chat().stream(question)) all = all?.concat(chunk) ?? chunk;
        expect(all?.content).toBe(whole.content);
        expect(all?.usage_metadata).toMatchObject({
          input_tokens: whole.usage_metadata?.input_tokens,
          output_tokens: whole.usage_metadata?.output_tokens,
        });
      });

      it('answers several prompts in a batch', async () => {
        const answers = await chat().batch([question, 'Good morning.'], { maxConcurrency: 2 });
        expect(answers.map(({ content }) => typeof content)).toEqual(['string', 'string']);
      });
    });

    describe('tools', () => {
      it('calls the tool that tool_choice names, runs it and sends its result back', async () => {
        const forced = chat({ maxTokens: ROOM }).bindTools([weatherTool], { tool_choice: 'weather' });
        const first = await forced.invoke([new HumanMessage(question)]);
        expect(first.response_metadata.finish_reason).toBe('tool_calls');
        expect(first.invalid_tool_calls).toEqual([]);
        const [call] = first.tool_calls ?? [];
        expect(call?.name).toBe('weather');
        const { city } = weather.parse(call?.args);
        const result: unknown = await weatherTool.invoke({
          ...call,
          name: 'weather',
          args: weather.parse(call?.args),
          type: 'tool_call',
        });
        if (!(result instanceof ToolMessage)) throw new Error('the tool gave no message');
        expect([result.tool_call_id, result.content]).toEqual([call?.id, `It rains in ${city}.`]);
        const second = await forced.invoke([new HumanMessage(question), first, result]);
        expect(second.tool_calls).toHaveLength(1);
      });

      it('joins the parts of a streamed call', async () => {
        const bound = chat({ maxTokens: ROOM }).bindTools([weatherTool], {
          tool_choice: 'required',
          parallel_tool_calls: false,
        });
        let all: AIMessageChunk | undefined;
        for await (const chunk of await bound.stream(question)) all = all?.concat(chunk) ?? chunk;
        expect(all?.tool_calls?.map(({ name }) => name)).toEqual(['weather']);
        expect(weather.safeParse(all?.tool_calls?.[0]?.args).success).toBe(true);
      });
    });

    describe('structured', () => {
      it.each(['jsonSchema', 'functionCalling'] as const)(
        'an answer matches its schema, by %s',
        async (method) => {
          const structured = chat({ maxTokens: ROOM }).withStructuredOutput(weather, {
            method,
            name: 'weather',
            strict: true,
          });
          expect(weather.safeParse(await structured.invoke(question)).success).toBe(true);
          const parts: unknown[] = [];
          for await (const part of await structured.stream(question)) parts.push(part);
          expect(weather.safeParse(parts.at(-1)).success).toBe(true);
        },
      );
    });

    describe('aborted', () => {
      const endless = () => chat({ maxTokens: LONG, more: { ignore_eos: true } });

      it('a stream that is left stops the generation', async () => {
        await requireStopped(nano, async () => {
          const leave = new AbortController();
          let chunks = 0;
          const read = async () => {
            for await (const _ of await endless().stream(question, { signal: leave.signal })) {
              if (++chunks === 4) leave.abort();
            }
          };
          await expect(read()).rejects.toThrow(/abort/i);
        });
      });

      it('an aborted request without a stream stops the generation', async () => {
        await requireStopped(nano, async () => {
          const leave = new AbortController();
          const answer = endless()
            .invoke(question, { signal: leave.signal })
            .catch((error: unknown) => error);
          await busy(nano);
          leave.abort();
          expect(await answer).toBeInstanceOf(Error);
        });
        await chat().invoke(question);
      });
    });

    describe('erroring', () => {
      it.each<[string, Options, object]>([
        [
          'an unknown model',
          { model: 'gpt-4' },
          { status: 404, code: 'model_not_found', param: 'model', lc_error_code: 'MODEL_NOT_FOUND' },
        ],
        [
          'a bad field',
          { more: { top_p: 7 } },
          { status: 400, code: 'decimal_above_max_value', param: 'top_p' },
        ],
        [
          'an unknown field',
          { more: { nonsense: 1 } },
          { status: 400, code: 'unknown_parameter', param: 'nonsense' },
        ],
      ])('%s', async (_, options, expected) => {
        const told = { type: 'invalid_request_error', ...expected };
        await expect(chat(options).invoke(question)).rejects.toMatchObject(told);
        await expect(chat(options).stream(question)).rejects.toMatchObject(told);
      });
    });
  });
}
