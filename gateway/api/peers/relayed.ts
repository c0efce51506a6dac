// The facts about an endpoint that are needed to pass its requests on to another gateway, and to relay the answers.
import { dataEvents } from '../answers/sse.ts';
import { ApiError } from '../errors.ts';

export interface Relayed {
  /** Fields that are not passed on: they change nothing once the version of an alias is chosen, and may be deeply nested or private. */
  idleFields: readonly string[];
  /** The text of the events that end a stream if its gateway is lost after `events` events. Each event ends with an empty line. */
  broken(error: ApiError, lost: { requestId: string; events: number }): string;
}

/** For the endpoints whose answers consist of choices. */
export const relayedChoices: Relayed = {
  idleFields: ['user', 'metadata', 'store', 'service_tier', 'safety_identifier', 'prompt_cache_key'],
  broken: dataEvents.failure,
};

/** The error does not contain the address of the gateway. Only the log does. */
export function gatewayLost(): ApiError {
  const message = 'The gateway that computed this answer was lost.';
  return new ApiError({ status: 502, message, type: 'server_error', code: 'gateway_lost' });
}
