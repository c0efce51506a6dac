// The time of a step if gateways, shards and the client share the cores of one machine: a closed network of queues. The gateways are
// its customers, the cores one station of several servers (Seidmann's approximation), waking a delay, and all work beside the path of
// a step an open load on the station. Bard and Schweitzer's approximation gives the customers that a customer meets.
import { type Step, type Subject, workOf } from './step.ts';

export interface SharedMachine {
  /** Cores that all processes share. */
  cores: number;
  gateways: number;
  /** Decode rows of a step of each gateway, positions before a row, and shards. */
  step: Step;
}

export interface SharedSpeed {
  /** Time of a step of each gateway. */
  stepUs: number;
  /** Of all gateways together. */
  tokensPerSecond: number;
  /** Share of the cores' time that is used (0–1). */
  busy: number;
}

/** Halvings of the interval in which the time of a step is searched: more digits than any measurement has. */
const HALVINGS = 60;

export function sharedSpeed(subject: Subject, { cores, gateways, step }: SharedMachine): SharedSpeed {
  const { engineUs, apiUs, clientUs, shardsUs, slowestUs } = workOf(subject, step);
  const pathUs = engineUs + slowestUs;
  const besideUs = apiUs + clientUs + shardsUs - slowestUs;
  const wakingUs = subject.shape.layers * subject.costs.hopUs;
  const wholeUs = pathUs + besideUs;
  /** Time of a step if gateways make a step every `everyUs`. It falls as `everyUs` rises, so there is one fixed point. */
  const taken = (everyUs: number) => {
    const beside = (gateways * besideUs) / (cores * everyUs);
    if (beside >= 1) return Number.POSITIVE_INFINITY;
    const aloneUs = pathUs / cores / (1 - beside);
    const met = ((gateways - 1) * aloneUs) / everyUs;
    if (met >= 1) return Number.POSITIVE_INFINITY;
    return wakingUs + (pathUs * (cores - 1)) / cores + aloneUs / (1 - met);
  };
  let low = (gateways * wholeUs) / cores / 2;
  let high = wakingUs + gateways * wholeUs;
  while (taken(high) > high) high *= 2;
  for (let i = 0; i < HALVINGS; i++) {
    const middle = (low + high) / 2;
    if (taken(middle) > middle) low = middle;
    else high = middle;
  }
  return {
    stepUs: high,
    tokensPerSecond: (1e6 * gateways * step.rows) / high,
    busy: (gateways * wholeUs) / cores / high,
  };
}
