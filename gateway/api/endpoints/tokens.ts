// POST /tokenize, POST /detokenize and GET /tokenizer_info, in vLLM's format.
import type { Context } from 'hono';
import { z } from 'zod';
import { echoedPrompt } from '../answers/echo.ts';
import { tokenName } from '../answers/logprobs.ts';
import { lazyMap } from '../budget/json-pieces.ts';
import type { ApiContext, RequestContext } from '../context.ts';
import { badRequest, missingParameter } from '../errors.ts';
import { message } from '../requests/fields/message-schema.ts';
import { integer, LARGEST_INT32 } from '../requests/fields/numbers.ts';
import { refuseHopeless } from '../requests/prompts.ts';
import { promptOfMessages } from './chat.ts';

/** Largest number of ids in one request. */
const MOST_IDS = 1_000_000;

const ids = z.array(integer(0, LARGEST_INT32)).max(MOST_IDS);

/** Leaves only one fault in a list of ids: the first one. Otherwise zod would make an issue for each of a million ids. */
function toFirstFault(value: unknown): unknown {
  if (!Array.isArray(value)) return value;
  if (value.length > MOST_IDS) return new Array<number>(MOST_IDS + 1).fill(0);
  const at = value.findIndex((id) => !Number.isInteger(id) || id < 0 || id > LARGEST_INT32);
  return at < 0 ? value : [...new Array<number>(at).fill(0), value[at]];
}

export const tokenizeSchema = z.strictObject({
  model: z.string().nullish().describe('Id of a model. Default: the first one.'),
  prompt: z.string().nullish().describe('A text. Give either `prompt` or `messages`.'),
  messages: z.array(message).min(1).nullish().describe('A conversation, which the chat template writes.'),
  add_special_tokens: z
    .boolean()
    .nullish()
    .describe('With `prompt`: add the special tokens with which the tokenizer begins a text. Default true.'),
  return_token_strs: z.boolean().nullish().describe('Also return the text of each token. Default false.'),
});
export type TokenizeRequest = z.infer<typeof tokenizeSchema>;

export const detokenizeSchema = z.strictObject({
  model: z.string().nullish().describe('Id of a model. Default: the first one.'),
  tokens: z
    .preprocess(toFirstFault, ids)
    .meta({ ...z.toJSONSchema(ids, { io: 'input' }), description: 'Token ids.' }),
});
export type DetokenizeRequest = z.infer<typeof detokenizeSchema>;

export async function tokenize(request: TokenizeRequest, context: RequestContext): Promise<object> {
  const tokens = await idsOf(request, context);
  const names =
    request.return_token_strs === true ? lazyMap(tokens, (id) => tokenName(id, context.tokenizer, '')) : null;
  return { count: tokens.length, max_model_len: context.engine.info.context, tokens, token_strs: names };
}

/** The returned text contains the names of special tokens. */
export async function detokenize(
  { tokens }: DetokenizeRequest,
  { engine, tokenizer, slices, tenant }: RequestContext,
): Promise<object> {
  const { vocab } = engine.info;
  const at = tokens.findIndex((id) => id >= vocab);
  if (at < 0) {
    const { text } = await slices.run(tenant, echoedPrompt(tokens, undefined, { tokenizer, logprobs: [] }));
    return { prompt: text };
  }
  const param = `tokens[${at}]`;
  const why = `Invalid '${param}': token id ${tokens[at]} is outside the vocabulary of ${vocab} tokens.`;
  throw badRequest(why, { param, code: 'invalid_token_id' });
}

/** The checkpoint's tokenizer_config.json, with the chat template that this server uses. */
export function tokenizerInfo(c: Context, { tokenizerInfo: config, template }: ApiContext): Response {
  return c.json({
    tokenizer_class: 'PreTrainedTokenizerFast',
    bos_token: null,
    eos_token: null,
    pad_token: null,
    ...config,
    chat_template: template?.source ?? null,
  });
}

async function idsOf(
  { prompt, messages, add_special_tokens }: TokenizeRequest,
  context: RequestContext,
): Promise<number[]> {
  const { tokenizer, text, engine } = context;
  if ((prompt ?? undefined) !== undefined && messages) {
    const why = "Give 'prompt' or 'messages', not both.";
    throw badRequest(why, { param: 'messages', code: 'invalid_parameter_combination' });
  }
  if (messages) return await promptOfMessages(messages, context);
  if (typeof prompt !== 'string') throw missingParameter('prompt');
  refuseHopeless(prompt, 'prompt', { longestToken: tokenizer.longestToken, info: engine.info });
  return await text.encode(prompt, { addSpecial: add_special_tokens !== false });
}
