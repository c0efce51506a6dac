// What one shard is told of placements on one connection, each once: which is acted on, and a newer one than it follows.
// Knows no states.
import { placementText, type SignedPlacement } from '../../experts/placing/placement-file.ts';
import { idOf, type PlacementId } from '../../experts/placing/placement-id.ts';
import { adoptionParams } from '../../experts/wire.ts';
import { type RpcErrorCode, toRpcError } from '../../rpc/errors.ts';
import type { Params } from '../../rpc/transport.ts';
import type { Link } from './link.ts';

export interface TellingOptions {
  link: Link;
  /** Identity. */
  model: string;
  log: (level: 'warn', message: string) => void;
  pause: (ms: number) => Promise<void>;
  /** The link is still in use. */
  isOpen: () => boolean;
  /** The shard was too busy to be told: all is to be told again, where it is still connected. */
  onUntold: () => void;
}

/** A shard keeps a placement before it answers. */
const tellMs = 10_000;
/** One that could not take it is told again: it was too busy, or its disk was full. */
const passing: readonly RpcErrorCode[] = ['busy', 'deadline', 'internal'];
const tellAgainMs = 1_000;
/** What is acted on is said again so often: a shard forgets the word of a gateway that is lost without a sign. */
const repeatMs = 2_000;

export class Telling {
  readonly #options: TellingOptions;
  /** The placement that it was told of as acted on; undefined: nothing was told. */
  #acted: PlacementId | undefined;
  /** Hash of the placement that it was brought. */
  #brought: string | undefined;

  constructor(options: TellingOptions) {
    this.#options = options;
  }

  /** `acted`: on which this gateway acts. `newer`: what the shard is to follow instead of what it follows, if there is one. */
  tell(acted: PlacementId, newer: SignedPlacement | undefined): void {
    if (this.#acted?.hash !== acted.hash) {
      this.#acted = acted;
      void this.#sayActed(acted);
    }
    if (newer === undefined || this.#brought === idOf(newer).hash) return;
    this.#brought = idOf(newer).hash;
    void this.#call('shard.place', { placement: placementText(newer) });
  }

  /** Says what is acted on again and again, as long as the link is in use. */
  async repeat(): Promise<void> {
    const { pause, isOpen } = this.#options;
    for (;;) {
      await pause(repeatMs);
      if (!isOpen()) return;
      if (this.#acted !== undefined) await this.#sayActed(this.#acted);
    }
  }

  #sayActed(placement: PlacementId): Promise<void> {
    const { model } = this.#options;
    return this.#call('shard.adopted', adoptionParams({ model, placement }));
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
      if (!passing.includes(code)) return;
      await pause(tellAgainMs);
      this.#acted = undefined;
      this.#brought = undefined;
      onUntold();
    }
  }
}
