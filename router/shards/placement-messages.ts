// Sends one shard the placement that this gateway acts on, and a placement that is newer than the shard's. One object for each
// connection.
import { placementText, type SignedPlacement } from '../../experts/placing/placement-file.ts';
import { idOf, type PlacementId } from '../../experts/placing/placement-id.ts';
import { adoptionParams } from '../../experts/wire/placement.ts';
import { type RpcErrorCode, toRpcError } from '../../rpc/errors.ts';
import type { Params } from '../../rpc/transport.ts';
import type { Link } from './link.ts';

interface Options {
  link: Link;
  /** Identity of the model. */
  model: string;
  log: (level: 'warn', message: string) => void;
  pause: (ms: number) => Promise<void>;
  /** False once the link is not used any more. */
  isOpen: () => boolean;
  /** Called a second after a message has failed for a reason that may pass. The caller should then call `send` again. */
  onFailure: () => void;
}

/** Deadline of one message. A shard stores a placement before it answers. */
const MESSAGE_MS = 10_000;
/** Errors after which everything is sent again: the shard was busy or slow, or its disk was full. */
const passing: readonly RpcErrorCode[] = ['busy', 'deadline', 'internal'];
const RETRY_MS = 1_000;
/** How often the gateway repeats which placement it acts on. A shard forgets this after 5 s without such a message. */
const REPEAT_MS = 2_000;

export class PlacementMessages {
  readonly #options: Options;
  /** The placement that was last sent as the one acted on. */
  #acted: PlacementId | undefined;
  /** Hash of the newer placement that was last sent. */
  #brought: string | undefined;

  constructor(options: Options) {
    this.#options = options;
    void this.#repeat();
  }

  /**
   * `acted`: the placement that this gateway acts on. `newer`: the placement that the shard should follow instead of its own.
   * Each is sent only if it differs from the last one that was sent.
   */
  send(acted: PlacementId, newer: SignedPlacement | undefined): void {
    if (this.#acted?.hash !== acted.hash) {
      this.#acted = acted;
      void this.#sendActed(acted);
    }
    if (newer === undefined || this.#brought === idOf(newer).hash) return;
    this.#brought = idOf(newer).hash;
    void this.#call('shard.place', { placement: placementText(newer) });
  }

  async #repeat(): Promise<void> {
    const { pause, isOpen } = this.#options;
    for (;;) {
      await pause(REPEAT_MS);
      if (!isOpen()) return;
      if (this.#acted !== undefined) await this.#sendActed(this.#acted);
    }
  }

  #sendActed(placement: PlacementId): Promise<void> {
    const { model } = this.#options;
    return this.#call('shard.adopted', adoptionParams({ model, placement }));
  }

  async #call(method: string, params: Params): Promise<void> {
    const { link, log, pause, isOpen, onFailure } = this.#options;
    try {
      await link.transport.call(method, params, { deadlineMs: MESSAGE_MS });
    } catch (cause) {
      const { code, message } = toRpcError(cause);
      // A shard that does not know the method does not move units. The loss of a shard is logged elsewhere.
      if (['unknown_method', 'unavailable', 'draining'].includes(code)) return;
      log('warn', `refuses ${method}: ${message}`);
      if (!passing.includes(code)) return;
      await pause(RETRY_MS);
      this.#acted = undefined;
      this.#brought = undefined;
      if (isOpen()) onFailure();
    }
  }
}
