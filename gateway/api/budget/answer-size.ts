// How much memory an answer takes until it is written: refuses one that could take too much before it is begun, and counts
// what the answers under way hold. Knows no wire format.
import { type EngineInfo, heldBytes, logprobBytes, routeBytes } from '../../engine/messages.ts';
import type { AnswerEvent } from '../answers/answer.ts';
import type { Generated } from '../answers/generations.ts';
import { type ApiError, badRequest, tryAgain } from '../errors.ts';
import { askedTokens } from '../requests/prompts.ts';
import { expertsPerTokenOf } from '../requests/sampling.ts';
import type { MemoryLedger } from './ledger.ts';

/** Bytes of a token beside its log-probabilities and route, as V8 holds it. */
const TOKEN = 160;

/** Streams let go of each token when it is read: of theirs only a prompt that is given back is whole at once. Throws a 400. */
export function refuseLargeAnswer(
  { request, prompts, made, logprobs, promptLogprobs, onScored, echo }: Generated,
  info: EngineInfo,
  most: number,
): void {
  const routes = request.expertgrid?.routes === true ? routeBytes(expertsOf(request, info)) : 0;
  const ofToken = TOKEN + logprobBytes(logprobs) + routes;
  // Of an answer whose length is not asked for, most end long before the context does: those are counted as they grow.
  const counted = request.stream !== true && askedTokens(request) !== undefined;
  const ofPrompt = TOKEN + logprobBytes(promptLogprobs);
  const bytes = prompts.reduce((total, { prompt, maxTokens }) => {
    const echoed = echo || onScored ? prompt.length * ofPrompt : 0;
    return total + made * (echoed + (counted ? maxTokens * ofToken : 0));
  }, 0);
  if (bytes <= most) return;
  const param = routes > 0 ? 'expertgrid.routes' : ofToken > TOKEN ? 'logprobs' : 'max_tokens';
  const message = `Invalid '${param}': ${made * prompts.length} answers with up to ${ofToken} bytes a token may come to ${bytes} bytes, and one request may ask for ${most}. Ask for fewer answers or tokens, or tell less of each, or stream.`;
  throw badRequest(message, { param, code: 'answer_too_large' });
}

/** `[layers]`: how many experts a token goes through. */
function expertsOf(request: Generated['request'], info: EngineInfo): readonly number[] {
  return expertsPerTokenOf(request, info) ?? info.expertsPerToken;
}

/**
 * Counts what `events` add to an answer that is kept whole. Throws a 400 if it takes more than any answer may, and a 429 if
 * the owner's answers would take more than is free.
 */
export async function* holdingMemory(
  events: AsyncGenerator<AnswerEvent, void, undefined>,
  { ledger, owner }: { ledger: MemoryLedger; owner: string | undefined },
): AsyncGenerator<AnswerEvent, void, undefined> {
  const holding = ledger.open(owner);
  let total = 0;
  try {
    for await (const event of events) {
      const bytes = eventBytes(event);
      total += bytes;
      if (total > ledger.largest) throw outgrown(ledger.largest);
      if (!holding.grow(bytes)) throw memoryTaken();
      yield event;
    }
  } finally {
    holding.release();
  }
}

function outgrown(most: number): ApiError {
  const message = `The answer has come to more than the ${most} bytes that one request may ask for. Ask for fewer answers or tokens by 'max_tokens', or tell less of each, or stream.`;
  return badRequest(message, { code: 'answer_too_large' });
}

function memoryTaken(): ApiError {
  const message =
    "The gateway's memory for whole answers is taken for now, or your key's part of it. Try again, or stream, or ask for fewer log-probabilities.";
  return tryAgain(message, 'answer_memory');
}

function eventBytes(event: AnswerEvent): number {
  const tokens = event.type === 'prompt' ? event.prompt.tokens : event.type === 'text' ? event.tokens : [];
  return tokens.reduce((total, token) => total + TOKEN + heldBytes(token), 0);
}
