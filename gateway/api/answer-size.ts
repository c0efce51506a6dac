// How much one answer may hold: refuses what would fill the memory before a whole answer is written. Knows no wire format.
import type { EngineInfo } from '../engine/messages.ts';
import { badRequest } from './errors.ts';
import type { Generated } from './generations.ts';
import { expertsPerTokenOf } from './sampling.ts';

/** Numbers, each with its text some tens of bytes. */
const MOST_VALUES = 20_000_000;

/** Streams let go of each token when it is read: of theirs only a prompt that is given back is whole at once. */
export function refuseLargeAnswer(
  { request, prompts, made, logprobs, promptLogprobs, onScored, echo }: Generated,
  info: EngineInfo,
): void {
  const routes = request.expertgrid?.routes === true ? routeLength(request, info) : 0;
  const ofToken = 1 + valuesOf(logprobs) + routes;
  const ofPrompt = 1 + valuesOf(promptLogprobs);
  const values = prompts.reduce((total, { prompt, maxTokens }) => {
    const echoed = echo || onScored ? prompt.length * ofPrompt : 0;
    return total + made * (echoed + (request.stream === true ? 0 : maxTokens * ofToken));
  }, 0);
  if (values <= MOST_VALUES) return;
  const param = routes > 0 ? 'expertgrid.routes' : ofToken > 1 ? 'logprobs' : 'max_tokens';
  const message = `Invalid '${param}': ${made * prompts.length} answers with ${ofToken} values a token may come to ${values} values, and one request may ask for ${MOST_VALUES}. Ask for fewer answers or tokens, or tell less of each, or stream.`;
  throw badRequest(message, { param, code: 'answer_too_large' });
}

/** The token's own log-probability and its alternatives'. */
function valuesOf(logprobs: number | undefined): number {
  return logprobs === undefined ? 0 : 1 + logprobs;
}

/** Experts of one token, of all layers. */
function routeLength(request: Generated['request'], info: EngineInfo): number {
  const chosen = expertsPerTokenOf(request, info) ?? info.expertsPerToken;
  return chosen.reduce((total, experts) => total + experts, 0);
}
