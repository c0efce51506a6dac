// What the passing on of a request, and of its answer, must know of its endpoint. Knows no peers.

import { dataEvents } from '../answers/sse.ts';
import { ApiError } from '../errors.ts';

export interface Relayed {
  /** Fields that change nothing once the version is drawn: as deep as their sender likes, and nobody's business further on. */
  idleFields: readonly string[];
  /** What ends a stream whose gateway was lost after so many events: others, the empty line after each included. */
  broken(error: ApiError, lost: { requestId: string; events: number }): string;
}

/** Of the endpoints whose answers are made of choices. */
export const relayedChoices: Relayed = {
  idleFields: ['user', 'metadata', 'store', 'service_tier', 'safety_identifier', 'prompt_cache_key'],
  broken: dataEvents.failure,
};

/** Where it was is for the log: callers are not told of machines. */
export function gatewayLost(): ApiError {
  const message = 'The gateway that computed this answer was lost.';
  return new ApiError({ status: 502, message, type: 'server_error', code: 'gateway_lost' });
}
