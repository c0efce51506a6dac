// What one shard is told of placements on one connection, each once: which is acted on, and the newest where it follows an
// older one. Knows no states.
import { placementText, type SignedPlacement } from '../experts/placement-file.ts';
import { toRpcError } from '../rpc/errors.ts';
import type { Params } from '../rpc/transport.ts';
import type { Link } from './link.ts';

export interface TellingOptions {
  link: Link;
  /** Identity. */
  model: string;
  log: (level: 'warn', message: string) => void;
  pause: (ms: number) => Promise<void>;
  /** The shard was too busy to be told: all is to be told again, where it is still connected. */
  onUntold: () => void;
}

/** A shard keeps a placement before it answers. */
const tellMs = 10_000;
/** One that was too busy to is told again. */
const tellAgainMs = 1_000;

export class Telling {
  readonly #options: TellingOptions;
  /** -1: nothing was told. */
  #acted = -1;
  #offered = 0;

  constructor(options: TellingOptions) {
    this.#options = options;
  }

  tell(acted: number, newest: SignedPlacement | undefined): void {
    const { link, model } = this.#options;
    if (this.#acted !== acted) {
      this.#acted = acted;
      void this.#call('shard.adopted', { model, epoch: acted });
    }
    const follows = link.placement?.epoch ?? 0;
    if (newest === undefined || link.name === undefined || !Object.hasOwn(newest.shards, link.name)) return;
    if (newest.epoch <= follows || newest.epoch <= this.#offered) return;
    this.#offered = newest.epoch;
    void this.#call('shard.place', { placement: placementText(newest) });
  }

  async #call(method: string, params: Params): Promise<void> {
    const { link, log, pause, onUntold } = this.#options;
    try {
      await link.transport.call(method, params, { deadlineMs: tellMs });
    } catch (cause) {
      const { code, message } = toRpcError(cause);
      // Who does not know the method does not move; of one that is lost or leaves there is word already.
      if (['unknown_method', 'unavailable', 'draining'].includes(code)) return;
      log('warn', `refuses ${method}: ${message}`);
      if (code !== 'busy' && code !== 'deadline') return;
      await pause(tellAgainMs);
      this.#acted = -1;
      this.#offered = 0;
      onUntold();
    }
  }
}
