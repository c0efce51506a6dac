// Which regions are wanted, in a Durable Object, because no instance of the Worker sees all requests.
import { DurableObject } from 'cloudflare:workers';
import type { DemandStore } from '../demand/demand.ts';
import type { Bindings } from './settings.ts';

/** There is one object for all regions. */
const NAME = 'regions';

export class DemandHome extends DurableObject<Bindings> {
  /** Times of different instances may arrive in any order. */
  async note(region: string, at: number): Promise<void> {
    const known = (await this.ctx.storage.get<number>(region)) ?? 0;
    if (at > known) await this.ctx.storage.put(region, at);
  }

  async read(): Promise<Map<string, number>> {
    return await this.ctx.storage.list<number>();
  }
}

export function durableDemand(namespace: DurableObjectNamespace<DemandHome>): DemandStore {
  const home = () => namespace.getByName(NAME);
  return { note: (region, at) => home().note(region, at), read: () => home().read() };
}
