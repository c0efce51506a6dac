// Tells one shard about placements, on one connection: which one this gateway acts on, and a newer one than the shard follows.
import { placementText, type SignedPlacement } from '../../experts/placing/placement-file.ts';
import { idOf, type PlacementId } from '../../experts/placing/placement-id.ts';
import { adoptionParams } from '../../experts/wire/placement.ts';
import { type RpcErrorCode, toRpcError } from '../../rpc/errors.ts';
import type { Params } from '../../rpc/transport.ts';
import type { Link } from './link.ts';

export interface TellingOptions {
  link: Link;
  /** Identity of the model. */
  model: string;
  log: (level: 'warn', message: string) => void;
  pause: (ms: number) => Promise<void>;
  /** Whether the link is still in use. */
  isOpen: () => boolean;
  /** The shard could not take a message, so everything must be told again if it is still connected. */
  onUntold: () => void;
}

/** Deadline of one message. A shard stores a placement before it answers. */
const TELL_MS = 10_000;
/** Errors after which a shard is told again, because it was busy or its disk was full. */
const passing: readonly RpcErrorCode[] = ['busy', 'deadline', 'internal'];
const TELL_AGAIN_MS = 1_000;
/** How often the placement that is acted on is repeated, because a shard forgets what a silently lost gateway told it. */
const REPEAT_MS = 2_000;

export class Telling {
  readonly #options: TellingOptions;
  /** The placement that the shard was last told is acted on. */
  #acted: PlacementId | undefined;
  /** Hash of the placement that was last brought to the shard. */
  #brought: string | undefined;

  constructor(options: TellingOptions) {
    this.#options = options;
  }

  /** `acted`: the placement that this gateway acts on. `newer`: the placement that the shard should follow instead of its own. */
  tell(acted: PlacementId, newer: SignedPlacement | undefined): void {
    if (this.#acted?.hash !== acted.hash) {
      this.#acted = acted;
      void this.#sayActed(acted);
    }
    if (newer === undefined || this.#brought === idOf(newer).hash) return;
    this.#brought = idOf(newer).hash;
    void this.#call('shard.place', { placement: placementText(newer) });
  }

  /** Repeats which placement is acted on, for as long as the link is in use. */
  async repeat(): Promise<void> {
    const { pause, isOpen } = this.#options;
    for (;;) {
      await pause(REPEAT_MS);
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
      await link.transport.call(method, params, { deadlineMs: TELL_MS });
    } catch (cause) {
      const { code, message } = toRpcError(cause);
      // A shard that does not know the method does not move units; one that is lost or leaves is logged already.
      if (['unknown_method', 'unavailable', 'draining'].includes(code)) return;
      log('warn', `refuses ${method}: ${message}`);
      if (!passing.includes(code)) return;
      await pause(TELL_AGAIN_MS);
      this.#acted = undefined;
      this.#brought = undefined;
      onUntold();
    }
  }
}
