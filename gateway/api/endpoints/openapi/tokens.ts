// Describes /tokenize, /detokenize and /tokenizer_info.
import { z } from 'zod';
import { detokenizeSchema, tokenizeSchema } from '../tokens.ts';
import { count, grouped, modelParameter, text } from './operation.ts';

const tokenizeAnswer = z.object({
  count,
  max_model_len: count,
  tokens: z.array(count),
  token_strs: z.array(text).nullable(),
});

const tokenizerAnswer = z.object({
  tokenizer_class: text,
  bos_token: z.unknown(),
  eos_token: z.unknown(),
  chat_template: z.unknown(),
});

const tokensExample = { count: 3, max_model_len: 2_048, tokens: [412, 1_020, 287], token_strs: null };

const tokenizerExample = {
  ...{ tokenizer_class: 'PreTrainedTokenizerFast', bos_token: '<|endoftext|>', eos_token: '<|endoftext|>' },
  chat_template: null,
};

export const tokenOperations = grouped('Tokens', {
  'post /tokenize': {
    answer: { name: 'Tokens', zod: tokenizeAnswer, example: tokensExample },
    failures: 'body',
    summary: 'Turn a text or a conversation into token ids',
    schema: { name: 'TokenizeRequest', zod: tokenizeSchema },
    examples: { 'A text': { model: 'nano', prompt: 'The old man' } },
  },
  'post /detokenize': {
    answer: { name: 'Text', zod: z.object({ prompt: text }), example: { prompt: 'Hi' } },
    failures: 'body',
    summary: 'Turn token ids into a text',
    schema: { name: 'DetokenizeRequest', zod: detokenizeSchema },
    examples: { 'Two tokens': { model: 'nano', tokens: [72, 105] } },
  },
  'get /tokenizer_info': {
    answer: { name: 'TokenizerInfo', zod: tokenizerAnswer, example: tokenizerExample },
    failures: 'named',
    summary: "The tokenizer's configuration and the chat template",
    parameters: [modelParameter],
  },
});
