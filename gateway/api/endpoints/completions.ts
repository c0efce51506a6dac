// Plans POST /v1/completions, which continues texts or token ids, and writes its answers.
import type { AnswerEvent } from '../answers/answer.ts';
import type { AnswerToken } from '../answers/answer-text.ts';
import type { EchoedPrompt } from '../answers/echo.ts';
import { completionLogprobs, withStop } from '../answers/logprobs.ts';
import { type PromptScores, promptLogprobsOf, promptScores } from '../answers/prompt-logprobs.ts';
import type { Plan } from '../answers/respond.ts';
import { type Wire, wireOf } from '../answers/wire.ts';
import type { ApiContext, RequestContext } from '../context.ts';
import { badRequest } from '../errors.ts';
import { choicesOf } from '../requests/choices.ts';
import { type CompletionRequest, parameterName } from '../requests/fields/schema.ts';
import { allowance, askedTokens, cutPrompt, encodePrompt, limitsOfCut } from '../requests/prompts.ts';
import { allowedIds, shownSpecials } from '../requests/sampling.ts';
import { constraintOf } from '../requests/structured.ts';
import type { Tokenizer } from '../text/tokenizer.ts';

/** OpenAI's default of `max_tokens` for this endpoint. */
const DEFAULT_MAX_TOKENS = 16;

export async function planCompletion(request: CompletionRequest, context: RequestContext): Promise<Plan> {
  const { engine, tokenizer, limits } = context;
  const { info } = engine;
  const echo = request.echo === true;
  if (request.prompt.length > limits.prompts) {
    const message = `Invalid 'prompt': array too long. Expected an array with maximum length ${limits.prompts}, but got an array with length ${request.prompt.length} instead.`;
    throw badRequest(message, { param: 'prompt', code: 'array_above_max_length' });
  }
  refuseSuffix(request, context);
  const asked = askedTokens(request);
  if (asked === 0 && !echo) {
    const message =
      "Invalid 'max_tokens': integer below minimum value. Expected a value >= 1, or 'echo' beside it, but got 0 instead.";
    throw badRequest(message, { param: 'max_tokens', code: 'integer_below_min_value' });
  }
  const { made, wanted, selection } = choicesOf(request, request.prompt.length, limits);
  const planned = request.prompt.map(async (one, i) => {
    const param = request.prompt.length === 1 ? 'prompt' : parameterName(['prompt', i]);
    const addSpecial = request.add_special_tokens !== false;
    const whole = await encodePrompt(one, param, context, { addSpecial, ...limitsOfCut(request) });
    const prompt = cutPrompt(whole, request, { asked, info });
    return {
      prompt,
      maxTokens: allowance(prompt.length, 'prompt', { asked, fallback: DEFAULT_MAX_TOKENS, info }),
      text: typeof one === 'string' && prompt === whole ? one : undefined,
    };
  });
  const prompts = await Promise.all(planned);
  const logprobs = request.logprobs ?? undefined;
  const ids = request.return_token_ids === true ? prompts.map(({ prompt }) => prompt) : undefined;
  const promptLogprobs = promptLogprobsOf({ ...request, echoed: echo ? logprobs : undefined });
  const { form, asked: forms } = constraintOf(request);
  const scores: PromptScores[] = [];
  const scored = typeof request.prompt_logprobs === 'number';
  return {
    request,
    prompts,
    ...{ made, selection },
    echo,
    constraint: allowedIds(request, info, form),
    asked: forms,
    shown: shownSpecials(request, tokenizer),
    // The best answers are found by their log-probabilities.
    logprobs: logprobs ?? (selection && 0),
    promptLogprobs,
    ...(scored && {
      onScored: (at, given) => {
        scores[at] = promptScores(prompts[at]?.prompt ?? [], given, tokenizer);
      },
    }),
    wire: completionWire({
      tokenizer,
      logprobs: logprobs !== undefined,
      promptIds: ids && ((index) => ids[Math.floor(index / wanted)]),
      ...(scored && { scores: (index) => scores[Math.floor(index / wanted)] }),
    }),
  };
}

function refuseSuffix({ suffix }: CompletionRequest, { model }: ApiContext): void {
  if (!suffix) return;
  const message = `Unsupported parameter: 'suffix' is not supported: the model '${model.id}' has no infill tokens.`;
  throw badRequest(message, { param: 'suffix', code: 'unsupported_parameter' });
}

type AnswerFinish = Extract<AnswerEvent, { type: 'finish' }>;
type AnswerPiece = Exclude<AnswerEvent, AnswerFinish>;

interface FormatOptions {
  tokenizer: Tokenizer;
  logprobs: boolean;
  /** Returns the prompt ids of a choice. Undefined: the request asks for no ids. */
  promptIds: ((index: number) => readonly number[] | undefined) | undefined;
  /** Returns the scores of a choice's prompt. Absent: the request asks for no scores. */
  scores?: (index: number) => PromptScores | undefined;
}

function completionWire({ tokenizer, logprobs, promptIds, scores }: FormatOptions): Wire {
  const begun = new Set<number>();
  const logprobsOf = (tokens: readonly AnswerToken[]) => {
    return logprobs ? completionLogprobs(tokens, tokenizer) : null;
  };
  /** The prompt's ids are only in the first chunk of each choice. */
  const idsOf = (index: number, tokens: readonly AnswerToken[]) => {
    if (promptIds === undefined) return {};
    const prompt = begun.has(index) ? {} : { prompt_token_ids: promptIds(index) };
    begun.add(index);
    return { ...prompt, token_ids: tokens.map(({ id }) => id) };
  };
  return wireOf({
    idPrefix: 'cmpl-',
    object: 'text_completion',
    chunkObject: 'text_completion',
    read: (events: AsyncIterable<AnswerEvent>) => events,
    collect: collectChoices,
    voted: ({ text }) => text,
    whole: ({ index, prompt, text, tokens, reason, stop }) => ({
      text: (prompt?.text ?? '') + text,
      index,
      ...(scores && { prompt_logprobs: scores(index) ?? null }),
      logprobs: logprobsOf([...(prompt?.tokens ?? []), ...withStop(tokens, stop)]),
      finish_reason: reason,
      ...idsOf(index, withStop(tokens, stop)),
    }),
    piece: (event: AnswerPiece) => {
      const { text, tokens } = event.type === 'prompt' ? event.prompt : event;
      return {
        text,
        index: event.index,
        logprobs: logprobsOf(tokens),
        finish_reason: null,
        ...idsOf(event.index, event.type === 'prompt' ? [] : tokens),
      };
    },
    finish: ({ index, reason, stop }: AnswerFinish) => ({
      text: '',
      index,
      logprobs: stop === undefined ? null : logprobsOf([stop]),
      finish_reason: reason,
      ...idsOf(index, withStop([], stop)),
    }),
  });
}

interface WholeChoice extends Omit<AnswerFinish, 'type'> {
  /** Absent if the prompt is not echoed. */
  prompt?: EchoedPrompt;
  text: string;
  tokens: AnswerToken[];
}

async function collectChoices(
  events: AsyncIterable<AnswerEvent>,
  ended: (choice: WholeChoice) => void,
): Promise<WholeChoice[]> {
  const open = new Map<number, Pick<WholeChoice, 'tokens' | 'prompt'> & { pieces: string[] }>();
  const choices: WholeChoice[] = [];
  for await (const event of events) {
    const choice = open.get(event.index) ?? { pieces: [], tokens: [] };
    open.set(event.index, choice);
    if (event.type === 'prompt') choice.prompt = event.prompt;
    else if (event.type === 'text') {
      choice.pieces.push(event.text);
      choice.tokens.push(...event.tokens);
    } else {
      const { type: _, ...finish } = event;
      const { pieces, ...rest } = choice;
      const whole = { ...finish, ...rest, text: pieces.join('') };
      choices.push(whole);
      ended(whole);
    }
  }
  return choices.sort((a, b) => a.index - b.index);
}
