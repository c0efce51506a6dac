// Describes /v1/responses and /v1/responses/input_tokens.
import { z } from 'zod';
import { inputTokensSchema, responsesSchema, unsupportedResponsesFields } from '../../responses/schema.ts';
import { count, generation, type Operations, text } from './operation.ts';

const responseAnswer = z.object({
  id: text,
  object: z.literal('response'),
  created_at: count.describe('Unix seconds.'),
  status: z.enum(['completed', 'incomplete', 'failed']),
  error: z.object({ code: text, message: text }).nullable(),
  incomplete_details: z.object({ reason: text }).nullable(),
  model: text,
  output: z.array(z.object({ id: text, type: text })),
  usage: z.object({ input_tokens: count, output_tokens: count, total_tokens: count }).nullable(),
  expertgrid: generation,
});

const example = {
  ...{ id: 'resp_5be0', object: 'response', created_at: 1_790_000_000, status: 'completed', error: null },
  ...{ incomplete_details: null, model: 'nano' },
  output: [
    {
      ...{ id: 'msg_5be1', type: 'message', role: 'assistant', status: 'completed' },
      content: [{ type: 'output_text', text: 'Good morning to you.', annotations: [] }],
    },
  ],
  usage: { input_tokens: 9, output_tokens: 6, total_tokens: 15 },
  expertgrid: { seed: 7 },
};

export const responseOperations: Operations = {
  'post /v1/responses': {
    tag: 'Generate',
    answer: { name: 'Response', zod: responseAnswer, example },
    streams: true,
    failures: 'engine',
    summary: "Answer a conversation, in the shape of OpenAI's Responses API",
    description: 'Nothing is stored, so every request contains the whole conversation.',
    schema: { name: 'ResponsesRequest', zod: responsesSchema },
    refused: unsupportedResponsesFields,
    noEffect: ['reasoning.effort'],
    examples: { 'An answer': { model: 'nano', input: 'Good morning.', max_output_tokens: 16 } },
  },
  'post /v1/responses/input_tokens': {
    tag: 'Tokens',
    answer: {
      name: 'InputTokens',
      zod: z.object({
        object: z.literal('response.input_tokens'),
        input_tokens: count,
      }),
      example: { object: 'response.input_tokens', input_tokens: 9 },
    },
    failures: 'body',
    summary: 'Count the prompt tokens of a request to /v1/responses',
    schema: { name: 'InputTokensRequest', zod: inputTokensSchema },
    examples: { 'A text': { model: 'nano', input: 'Good morning.' } },
  },
};
