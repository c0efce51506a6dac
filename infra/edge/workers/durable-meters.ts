// The meters of all keys in one place, each in its Durable Object.
import type { Meters } from '../limits/metering.ts';
import type { KeyMeter } from './key-meter.ts';

/** `place`: where this instance of the Worker runs. Cloudflare makes an object near the first request for it. */
export function durableMeters(namespace: DurableObjectNamespace<KeyMeter>, place: string): Meters {
  const of = (key: string) => namespace.getByName(`${place}/${key}`);
  return {
    reserve: (request, limits) => of(request.key).reserve(request, limits),
    pass: (key, limits, now) => of(key).pass(key, limits, now),
    correct: (request, promptTokens, limits) => of(request.key).correct(request, promptTokens, limits),
    settle: (request, ending, limits) => of(request.key).settle(request, ending, limits),
    touch: (request) => of(request.key).touch(request),
  };
}
