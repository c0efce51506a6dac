// Describes /v1/completions and /v1/chat/completions.
import { z } from 'zod';
import { chatSchema, completionSchema, unsupportedFields } from '../../requests/fields/schema.ts';
import { namesOfIdleStreamOptions } from '../../requests/fields/stream-options.ts';
import { namesOfIdleThinking } from '../../text/thinking.ts';
import { count, generation, grouped, text } from './operation.ts';

const selection = z.object({
  by: z.enum(['logprob', 'majority']),
  generated: count.describe('Choices that were generated.'),
  rounds: count,
  choices: z.array(count).describe('Numbers of the returned choices, best first.'),
  answers: z.array(z.object({ answer: text, votes: count })).optional(),
});

const usage = z.object({ prompt_tokens: count, completion_tokens: count, total_tokens: count });

/** Fields of the answers of both endpoints. */
const common = {
  id: text,
  created: count.describe('Unix seconds.'),
  model: text,
  system_fingerprint: text.optional(),
  usage,
  expertgrid: generation.extend({
    selection: z.array(selection).optional().describe('With `select`: an entry for each prompt.'),
  }),
};

const completionAnswer = z.object({
  ...common,
  object: z.literal('text_completion'),
  choices: z
    .array(
      z.object({
        index: count,
        text,
        finish_reason: z.enum(['stop', 'length']),
        logprobs: z
          .object({
            tokens: z.array(text),
            token_logprobs: z.array(z.number().nullable()),
            top_logprobs: z.array(z.record(text, z.number()).nullable()),
            text_offset: z.array(count),
          })
          .nullable(),
      }),
    )
    .min(1),
});

const toolCall = z.object({
  id: text,
  type: z.literal('function'),
  function: z.object({ name: text, arguments: text }),
});

const chatAnswer = z.object({
  ...common,
  object: z.literal('chat.completion'),
  choices: z
    .array(
      z.object({
        index: count,
        message: z.object({
          role: z.literal('assistant'),
          content: text.nullable(),
          refusal: z.null(),
          reasoning_content: text.optional(),
          tool_calls: z.array(toolCall).min(1).optional(),
        }),
        finish_reason: z.enum(['stop', 'length', 'tool_calls']),
        logprobs: z.object({ content: z.array(z.object({ token: text, logprob: z.number() })) }).nullable(),
      }),
    )
    .min(1),
});

export const goodMorning = [{ role: 'user', content: 'Good morning.' }];

/** JSON Schema of an object with one required property. */
function objectWith(name: string, schema: object): object {
  return { type: 'object', properties: { [name]: schema }, required: [name], additionalProperties: false };
}

const weather = objectWith('sunny', { type: 'boolean' });
const city = objectWith('city', { enum: ['Bonn', 'Rome'] });

const askWeather = [{ role: 'user', content: 'What will the weather be in Bonn?' }];

const completionRequests = {
  'A text': { model: 'nano', prompt: 'The old man', max_tokens: 16 },
  'A stream with a seed': {
    ...{ model: 'nano', prompt: 'The old man', max_tokens: 16 },
    ...{ seed: 7, stream: true, stream_options: { include_usage: true } },
  },
  'How likely a text is': { model: 'nano', prompt: 'The old man', max_tokens: 0, echo: true, logprobs: 1 },
  'The experts of each token': {
    ...{ model: 'nano', prompt: 'The old man', max_tokens: 4 },
    expertgrid: { routes: true },
  },
};

const chatRequests = {
  'An answer': { model: 'nano', messages: goodMorning, max_tokens: 16 },
  'A stream': { model: 'nano', messages: goodMorning, max_tokens: 16, stream: true },
  'JSON by a schema': {
    ...{ model: 'nano', messages: askWeather, max_tokens: 40 },
    response_format: {
      type: 'json_schema',
      json_schema: { name: 'weather', strict: true, schema: weather },
    },
  },
  'The majority of eight answers': {
    ...{ model: 'nano', messages: askWeather, max_tokens: 16, guided_choice: ['sunny', 'rainy'] },
    ...{ best_of: 8, select: 'majority' },
  },
  'A tool': {
    ...{ model: 'nano', messages: askWeather, max_tokens: 60, tool_choice: 'required' },
    tools: [{ type: 'function', function: { name: 'forecast', strict: true, parameters: city } }],
  },
};

const commonExample = {
  created: 1_790_000_000,
  model: 'nano',
  system_fingerprint: 'fp_3f2a9c51d07e',
  usage: { prompt_tokens: 3, completion_tokens: 16, total_tokens: 19 },
};

const completionExample = {
  ...{ id: 'cmpl-6c1f', object: 'text_completion', ...commonExample },
  choices: [
    {
      index: 0,
      text: ' sat by the window and looked out at the rain',
      finish_reason: 'length',
      logprobs: null,
    },
  ],
  expertgrid: { seed: 7 },
};

const exampleMessage = { role: 'assistant', content: 'Good morning to you.', refusal: null };

const chatExample = {
  ...{ id: 'chatcmpl-91d4', object: 'chat.completion', ...commonExample },
  choices: [{ index: 0, message: exampleMessage, finish_reason: 'stop', logprobs: null }],
  expertgrid: { seed: 7 },
};

export const completionOperations = grouped('Generate', {
  'post /v1/completions': {
    answer: { name: 'Completion', zod: completionAnswer, example: completionExample },
    streams: true,
    failures: 'engine',
    summary: 'Continue a text, or score one',
    schema: { name: 'CompletionRequest', zod: completionSchema },
    refused: unsupportedFields,
    noEffect: namesOfIdleStreamOptions,
    examples: completionRequests,
  },
  'post /v1/chat/completions': {
    answer: { name: 'ChatCompletion', zod: chatAnswer, example: chatExample },
    streams: true,
    failures: 'engine',
    summary: 'Answer a conversation',
    schema: { name: 'ChatRequest', zod: chatSchema },
    refused: unsupportedFields,
    noEffect: [...namesOfIdleStreamOptions, ...namesOfIdleThinking],
    examples: chatRequests,
  },
});
