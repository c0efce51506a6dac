// Limits the memory of answers until they are written. An answer that could become too large is refused before it begins. The
// memory of the other answers is counted while they grow.
import { type EngineInfo, heldBytes, logprobBytes, routeBytes, usualNumbers } from '../../engine/messages.ts';
import type { AnswerEvent } from '../answers/answer.ts';
import type { Generated } from '../answers/generations.ts';
import { type ApiError, badRequest, tryAgain } from '../errors.ts';
import { askedTokens } from '../requests/prompts.ts';
import type { MemoryLedger } from './ledger.ts';

/** Bytes that V8 needs for a token without its log-probabilities and route. */
const TOKEN = 160;

/** Throws a 400 if the answer could exceed `most` bytes. In a stream only echoed prompts count: sent tokens are freed. */
export function refuseLargeAnswer(
  { request, prompts, made, selection, logprobs, promptLogprobs, onScored, echo, routing }: Generated,
  info: EngineInfo,
  most: number,
): void {
  const routes =
    request.expertgrid?.routes === true ? routeBytes(usualNumbers(routing ?? {}, info.expertsPerToken)) : 0;
  const ofToken = TOKEN + logprobBytes(logprobs) + routes;
  // Without `max_tokens`, most answers end long before the context is full. `holdingMemory` counts them while they grow.
  const counted = request.stream !== true && askedTokens(request) !== undefined;
  const ofPrompt = TOKEN + logprobBytes(promptLogprobs);
  const bytes = prompts.reduce((total, { prompt, maxTokens }) => {
    const echoed = echo || onScored ? prompt.length * ofPrompt : 0;
    return total + made * (echoed + (counted ? maxTokens * ofToken : 0));
  }, 0);
  if (bytes <= most) return;
  // A selection needs log-probabilities even if the request does not ask for any.
  const hasLogprobs = logprobs !== undefined && !(selection !== undefined && logprobs === 0);
  const param = routes > 0 ? 'expertgrid.routes' : hasLogprobs ? 'logprobs' : 'max_tokens';
  const message = `Invalid '${param}': ${made * prompts.length} answers with up to ${ofToken} bytes for each token may reach ${bytes} bytes, and the limit of one request is ${most}. Ask for fewer answers, tokens or details of tokens, or stream.`;
  throw badRequest(message, { param, code: 'answer_too_large' });
}

/**
 * Passes `events` on and counts their memory, for an answer that is not streamed. Throws a 400 if the answer exceeds the limit
 * of one answer, and a 429 if the memory that it needs is not free.
 */
export async function* holdingMemory(
  events: AsyncIterable<AnswerEvent>,
  { ledger, tenant }: { ledger: MemoryLedger; tenant: string | undefined },
): AsyncGenerator<AnswerEvent, void, undefined> {
  const holding = ledger.open(tenant);
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
  const message = `The answer has exceeded the limit of ${most} bytes for one request. Ask for fewer answers, for fewer tokens by 'max_tokens' or for fewer details of tokens, or stream.`;
  return badRequest(message, { code: 'answer_too_large' });
}

function memoryTaken(): ApiError {
  const message =
    "The gateway's memory for whole answers, or your key's share of it, is in use. Try again, or stream, or ask for fewer log-probabilities.";
  return tryAgain(message, 'answer_memory');
}

function eventBytes(event: AnswerEvent): number {
  const tokens = event.type === 'prompt' ? event.prompt.tokens : event.type === 'text' ? event.tokens : [];
  return tokens.reduce((total, token) => total + TOKEN + heldBytes(token), 0);
}
