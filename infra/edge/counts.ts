// Counts what the edge does, by gateway, and writes the counts in the text format of Prometheus.

import type { Gateway } from './gateways/gateways.ts';

const descriptions = {
  affinity_kept: 'Requests that reached the gateway which is preferred for their session or prompt.',
  affinity_lost:
    'Requests that reached the gateway although another one is preferred for their session or prompt.',
  spills: 'Requests that were sent to the gateway because a nearer region was full.',
  requests: 'Requests that were sent to the gateway, with repeats and continuations.',
  repeats: 'Requests that were sent again before the client had received anything.',
  continuations: 'Tries to continue a stream at the gateway.',
  continuation_failures: 'Tries to continue a stream that failed.',
  streams_lost: 'Streams of the gateway that ended with an error because no gateway could continue them.',
} as const;

export type CountName = keyof typeof descriptions;

export const countNames = Object.keys(descriptions) as CountName[];

export class Counts {
  readonly #counts = new Map<CountName, Map<string, number>>();
  /** Region of each gateway. */
  readonly #regions: ReadonlyMap<string, string>;

  /** `gateways` are counted as 0 at first, so that a rate can be computed from the first event on. */
  constructor(gateways: readonly Pick<Gateway, 'url' | 'region'>[]) {
    this.#regions = new Map(gateways.map(({ url, region }) => [url, region]));
    for (const name of countNames) {
      this.#counts.set(name, new Map(gateways.map(({ url }) => [url, 0])));
    }
  }

  add(name: CountName, gateway: string): void {
    const counts = this.#counts.get(name);
    counts?.set(gateway, (counts.get(gateway) ?? 0) + 1);
  }

  get(name: CountName, gateway: string): number {
    return this.#counts.get(name)?.get(gateway) ?? 0;
  }

  /** Addresses and names of regions contain no characters that must be escaped. */
  render(): string {
    const metrics = [...this.#counts].map(([name, counts]) => {
      const metric = `expertgrid_edge_${name}_total`;
      const values = [...counts].map(([gateway, count]) => {
        return `${metric}{region="${this.#regions.get(gateway)}",gateway="${gateway}"} ${count}\n`;
      });
      return `# HELP ${metric} ${descriptions[name]}\n# TYPE ${metric} counter\n${values.join('')}`;
    });
    return metrics.join('');
  }
}
