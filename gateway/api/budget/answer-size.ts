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

/** Bytes of a log-probability in an event of a stream that has those of the whole answer: its JSON, first as text, then encoded. */
const REPEATED_LOGPROB = 192;

type Kept = Pick<Generated, 'request' | 'logprobs' | 'repeatsLogprobs'>;

/** Whether the answer's tokens stay in memory until its end. A stream frees them when they are sent, unless it repeats them. */
export function isKept(answer: Kept): boolean {
  return answer.request.stream !== true || repeats(answer);
}

function repeats({ logprobs, repeatsLogprobs = false }: Kept): boolean {
  return repeatsLogprobs && logprobs !== undefined;
}

/** Throws a 400 if the answer could exceed `most` bytes. If the tokens are not kept, only echoed prompts count. */
export function refuseLargeAnswer(generated: Generated, info: EngineInfo, most: number): void {
  const { request, prompts, made, selection, logprobs, promptLogprobs, onScored, echo, routing } = generated;
  const routes =
    request.expertgrid?.routes === true ? routeBytes(usualNumbers(routing ?? {}, info.expertsPerToken)) : 0;
  const repeated = request.stream === true && repeats(generated) ? repeatedBytes(logprobs) : 0;
  const ofToken = TOKEN + logprobBytes(logprobs) + repeated + routes;
  // Without `max_tokens`, most answers end long before the context is full. `holdingMemory` counts them while they grow.
  const counted = isKept(generated) && askedTokens(request) !== undefined;
  const ofPrompt = TOKEN + logprobBytes(promptLogprobs);
  const bytes = prompts.reduce((total, { prompt, maxTokens }) => {
    const echoed = echo || onScored ? prompt.length * ofPrompt : 0;
    return total + made * (echoed + (counted ? maxTokens * ofToken : 0));
  }, 0);
  if (bytes <= most) return;
  // A selection needs log-probabilities even if the request does not ask for any.
  const hasLogprobs = logprobs !== undefined && !(selection !== undefined && logprobs === 0);
  const param = routes > 0 ? 'expertgrid.routes' : hasLogprobs ? 'logprobs' : 'max_tokens';
  const message = `Invalid '${param}': ${made * prompts.length} answers with up to ${ofToken} bytes for each token may reach ${bytes} bytes, and the limit of one request is ${most}. ${adviceFor(generated)}`;
  throw badRequest(message, { param, code: 'answer_too_large' });
}

/**
 * Passes the events of an answer that is kept on, and counts their memory. Throws a 400 if the answer exceeds the limit of one
 * answer, and a 429 if the memory that it needs is not free.
 */
export async function* holdingMemory(
  events: AsyncIterable<AnswerEvent>,
  answer: Kept,
  { ledger, tenant }: { ledger: MemoryLedger; tenant: string | undefined },
): AsyncGenerator<AnswerEvent, void, undefined> {
  const holding = ledger.open(tenant);
  const streamed = answer.request.stream === true;
  let total = 0;
  try {
    for await (const event of events) {
      const bytes = eventBytes(event, streamed);
      total += bytes;
      if (total > ledger.largest) throw outgrown(ledger.largest, answer);
      if (!holding.grow(bytes)) throw memoryTaken(answer);
      yield event;
    }
  } finally {
    holding.release();
  }
}

/** What a client can do if this answer takes too much memory. */
function adviceFor(answer: Kept): string {
  const mayStream = answer.request.stream !== true && !repeats(answer);
  return `Ask for fewer answers, for fewer tokens or for fewer details of tokens${mayStream ? ', or stream' : ''}.`;
}

function outgrown(most: number, answer: Kept): ApiError {
  const message = `The answer has exceeded the limit of ${most} bytes for one request. ${adviceFor(answer)}`;
  return badRequest(message, { code: 'answer_too_large' });
}

function memoryTaken(answer: Kept): ApiError {
  const message = `The gateway's memory for answers that it keeps, or your key's share of it, is in use. Try again. ${adviceFor(answer)}`;
  return tryAgain(message, 'answer_memory');
}

function eventBytes(event: AnswerEvent, streamed: boolean): number {
  const tokens = event.type === 'prompt' ? event.prompt.tokens : event.type === 'text' ? event.tokens : [];
  return tokens.reduce((total, token) => {
    return total + TOKEN + heldBytes(token) + (streamed ? repeatedBytes(token.top?.length) : 0);
  }, 0);
}

/** `alternatives` is undefined if no log-probabilities are reported. */
function repeatedBytes(alternatives: number | undefined): number {
  return alternatives === undefined ? 0 : (1 + alternatives) * REPEATED_LOGPROB;
}
