// What passing on a request and its answer needs to know about the endpoint.

import { dataEvents } from '../answers/sse.ts';
import { ApiError } from '../errors.ts';

export interface Relayed {
  /** Fields that are not passed on. They change nothing once the version is drawn, may be deep, and may be private. */
  idleFields: readonly string[];
  /** Events that end a stream whose gateway was lost after so many events, including the empty line after each. */
  broken(error: ApiError, lost: { requestId: string; events: number }): string;
}

/** For the endpoints whose answers consist of choices. */
export const relayedChoices: Relayed = {
  idleFields: ['user', 'metadata', 'store', 'service_tier', 'safety_identifier', 'prompt_cache_key'],
  broken: dataEvents.failure,
};

/** Does not name the gateway's address, which only the log contains. */
export function gatewayLost(): ApiError {
  const message = 'The gateway that computed this answer was lost.';
  return new ApiError({ status: 502, message, type: 'server_error', code: 'gateway_lost' });
}
