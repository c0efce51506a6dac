// The experts of one model that a shard holds: what the shard offers, which calls it refuses, and which answers it must not send.
// Knows no queue and no sockets.

import { firstNonFinite } from '../base/finite.ts';
import type { ExpertDevice, Unit } from '../model/devices/expert.ts';
import { RpcError, toRpcError } from '../rpc/errors.ts';
import { Holdings } from './holdings.ts';
import { placementText, type SignedPlacement } from './placing/placement-file.ts';
import type { ModelOffer, ModelShape } from './wire.ts';

export interface HeldModelOptions {
  /** Has loaded the units. */
  device: ExpertDevice;
  model: Omit<ModelOffer, 'numericsClass' | 'holdings'>;
  units: readonly Unit[];
}

export class HeldModel implements ModelShape {
  readonly identity: string;
  readonly layers: number;
  readonly experts: number;
  readonly hidden: number;
  readonly device: ExpertDevice;
  readonly #model: HeldModelOptions['model'];
  readonly #holdings: Holdings;
  /** The placement that this shard follows for the model. */
  placement: SignedPlacement | undefined;

  constructor({ device, model, units }: HeldModelOptions) {
    this.identity = model.identity;
    this.layers = model.layers;
    this.experts = model.experts;
    this.hidden = model.hidden;
    this.device = device;
    this.#model = model;
    this.#holdings = Holdings.of(units, model);
  }

  get offer(): ModelOffer {
    return {
      ...this.#model,
      numericsClass: this.device.numericsClass,
      holdings: this.#holdings.ranges(),
      ...(this.placement && { placement: placementText(this.placement) }),
    };
  }

  /** Number of units held. */
  get units(): number {
    return this.#holdings.size;
  }

  /** Calls may name these units, which the device has loaded, from now on. */
  add(units: readonly Unit[]): void {
    for (const { layer, expert } of units) this.#holdings.add([layer, expert, expert]);
  }

  /** New calls may no longer name these units; calls in flight are still answered. */
  remove(units: readonly Unit[]): void {
    for (const unit of units) this.#holdings.delete(unit);
  }

  /** `asks [m, 2]`: (row, expert). Throws an error that names the first expert that is not held. */
  requireHeld(layer: number, asks: Uint16Array): void {
    for (let i = 1; i < asks.length; i += 2) {
      if (!this.#holdings.has(layer, asks[i]!)) {
        throw new RpcError('not_held', `expert ${asks[i]} of layer ${layer} is not held by this shard`);
      }
    }
  }

  /**
   * What is wrong with `rows [m, hidden]`, the answers to `asks`. A number that is not finite is a fault of the hardware or the
   * weights, and must not be sent as a row.
   */
  faultOf(layer: number, asks: Uint16Array, rows: Float32Array): RpcError | undefined {
    const bad = firstNonFinite(rows);
    if (bad === undefined) return undefined;
    const expert = asks[2 * Math.floor(bad / this.hidden) + 1];
    return new RpcError('internal', `expert ${expert} of layer ${layer} gave a number that is not finite`);
  }
}

export function deviceFailed(layer: number, cause: unknown): RpcError {
  const { message } = toRpcError(cause);
  return new RpcError('internal', `layer ${layer} failed on its device: ${message}`, { cause });
}
