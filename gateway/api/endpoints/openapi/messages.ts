// Describes /v1/messages and /v1/messages/count_tokens.
import { z } from 'zod';
import { modelFields } from '../../anthropic/prompt.ts';
import {
  countSchema,
  messagesSchema,
  unsupportedCountFields,
  unsupportedMessagesFields,
} from '../../anthropic/schema.ts';
import { goodMorning } from './completions.ts';
import { count, generation, type Operations, text } from './operation.ts';

const messageAnswer = z.object({
  id: text,
  type: z.literal('message'),
  role: z.literal('assistant'),
  model: text,
  content: z.array(z.object({ type: z.enum(['text', 'thinking', 'tool_use']) })).min(1),
  stop_reason: z.enum([
    'end_turn',
    'max_tokens',
    'stop_sequence',
    'tool_use',
    'model_context_window_exceeded',
  ]),
  stop_sequence: text.nullable(),
  usage: z.object({ input_tokens: count, output_tokens: count, cache_read_input_tokens: count }),
  expertgrid: generation,
});

const example = {
  ...{ id: 'msg_77ac', type: 'message', role: 'assistant', model: 'nano' },
  content: [{ type: 'text', text: 'Good morning to you.' }],
  ...{ stop_reason: 'end_turn', stop_sequence: null },
  usage: { input_tokens: 9, output_tokens: 6, cache_read_input_tokens: 0 },
  expertgrid: { seed: 7 },
};

export const messageOperations: Operations = {
  'post /v1/messages': {
    tag: 'Generate',
    answer: { name: 'Message', zod: messageAnswer, example },
    streams: true,
    failures: 'anthropicEngine',
    summary: "Answer a conversation, in the shape of Anthropic's Messages API",
    schema: { name: 'MessagesRequest', zod: messagesSchema },
    refused: unsupportedMessagesFields,
    noEffect: modelFields,
    errors: ['AnthropicError'],
    examples: { 'An answer': { model: 'nano', messages: goodMorning, max_tokens: 16 } },
  },
  'post /v1/messages/count_tokens': {
    tag: 'Tokens',
    answer: { name: 'TokenCount', zod: z.object({ input_tokens: count }), example: { input_tokens: 9 } },
    failures: 'body',
    summary: 'Count the prompt tokens of a request to /v1/messages',
    schema: { name: 'CountTokensRequest', zod: countSchema },
    refused: unsupportedCountFields,
    noEffect: modelFields,
    errors: ['AnthropicError'],
    examples: { 'A conversation': { model: 'nano', messages: goodMorning } },
  },
};
