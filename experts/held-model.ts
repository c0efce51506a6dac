// The experts of one model that a shard holds. This class makes the model's entry in the answer to hello, refuses calls of units
// that are not held, and finds answers that must not be sent.
import { firstNonFinite } from '../base/finite.ts';
import type { Bundle } from '../model/bundle/bundle.ts';
import { unitShape } from '../model/config/model-config.ts';
import type { ExpertDevice, Unit } from '../model/devices/expert.ts';
import { RpcError, toRpcError } from '../rpc/errors.ts';
import { Holdings } from './holdings.ts';
import { placementText, type SignedPlacement } from './placing/placement-file.ts';
import type { ModelOffer } from './wire/model.ts';

export interface HeldModelOptions {
  /** The device must have loaded the units. */
  device: ExpertDevice;
  model: Omit<ModelOffer, 'numericsClass' | 'holdings'>;
  units: readonly Unit[];
}

/** The fields of `ModelOffer` that the bundle determines. */
export function modelOffer({ config, manifest, bits, group }: Bundle): HeldModelOptions['model'] {
  return { identity: manifest.identity, content: manifest.contentHash, bits, group, ...unitShape(config) };
}

export class HeldModel {
  readonly device: ExpertDevice;
  readonly model: HeldModelOptions['model'];
  readonly #holdings: Holdings;
  /** The placement that the shard follows for this model. Undefined: none. */
  placement: SignedPlacement | undefined;

  constructor({ device, model, units }: HeldModelOptions) {
    this.device = device;
    this.model = model;
    this.#holdings = Holdings.of(units, model);
  }

  get offer(): ModelOffer {
    return {
      ...this.model,
      numericsClass: this.device.numericsClass,
      holdings: this.#holdings.ranges(),
      ...(this.placement && { placement: placementText(this.placement) }),
    };
  }

  /** Number of units held. */
  get units(): number {
    return this.#holdings.size;
  }

  /** From now on, calls may name these units. The device must have loaded them. */
  add(units: readonly Unit[]): void {
    for (const { layer, expert } of units) this.#holdings.add([layer, expert, expert]);
  }

  /** From now on, calls that name these units are refused. Calls in flight are still answered. */
  remove(units: readonly Unit[]): void {
    for (const unit of units) this.#holdings.delete(unit);
  }

  holds({ layer, expert }: Unit): boolean {
    return this.#holdings.has(layer, expert);
  }

  /** `asks [m, 2]`: pairs (row, expert). Throws `not_held` with the first expert that is not held. */
  requireHeld(layer: number, asks: Uint16Array): void {
    for (let i = 1; i < asks.length; i += 2) {
      if (!this.holds({ layer, expert: asks[i]! })) {
        throw new RpcError('not_held', `expert ${asks[i]} of layer ${layer} is not held by this shard`);
      }
    }
  }

  /**
   * The error that replaces `rows [m, hidden]`, the answers to `asks`, if a number in them is not finite. Such a number shows that
   * the hardware or the weights are damaged. Undefined if all numbers are finite.
   */
  faultOf(layer: number, asks: Uint16Array, rows: Float32Array): RpcError | undefined {
    const bad = firstNonFinite(rows);
    if (bad === undefined) return undefined;
    const expert = asks[2 * Math.floor(bad / this.model.hidden) + 1];
    return new RpcError('internal', `expert ${expert} of layer ${layer} gave a number that is not finite`);
  }
}

export function deviceFailed(layer: number, cause: unknown): RpcError {
  const { message } = toRpcError(cause);
  return new RpcError('internal', `layer ${layer} failed on its device: ${message}`, { cause });
}
