// The home of one key as a Durable Object. It lends parts of the key's limits to the places (key-meter.ts).
import { DurableObject } from 'cloudflare:workers';
import { Home, type HomeState, type Lease, type LeaseRequest } from '../limits/lease.ts';
import type { Limits } from '../limits/meter.ts';
import type { Bindings } from './settings.ts';

const STATE = 'state';

export class KeyHome extends DurableObject<Bindings> {
  #home: Promise<Home> | undefined;

  async lease(request: LeaseRequest, limits: Limits): Promise<Lease> {
    const { storage } = this.ctx;
    this.#home ??= storage.get<HomeState>(STATE).then((state) => new Home(state));
    this.#home.catch(() => {
      this.#home = undefined; // so that the next call reads again
    });
    const home = await this.#home;
    const lease = home.lease(request, limits, Date.now());
    // The runtime holds the answer back until this is on disk.
    await storage.put(STATE, home.state);
    return lease;
  }
}
