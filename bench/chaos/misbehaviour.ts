// Makes a shard misbehave: wraps its device and its handlers.
import { setTimeout as delay } from 'node:timers/promises';
import type { ExpertDevice } from '../../model/devices/expert.ts';
import { RpcError } from '../../rpc/errors.ts';
import { isMap } from '../../rpc/messages.ts';
import type { Handlers, Value } from '../../rpc/transport.ts';
import { uniform } from '../../test/support/random.ts';

export type Behaviour =
  | { mode: 'healthy' }
  /** One value of each answer is NaN. The shard's service detects NaN from the device, but not NaN that is set on the wire. */
  | { mode: 'nan'; where: 'device' | 'wire' }
  /** In each run, one bit of one value is flipped: one of the `bits` lowest bits of the mantissa, so the value stays finite. */
  | { mode: 'flip'; seed: number; bits: number }
  /** Each run takes `factor` times as long. */
  | { mode: 'slow'; factor: number }
  /** A share (0–1) of the answers is delayed. Other answers do not wait for them. */
  | { mode: 'hiccup'; share: number; delayMs: number; seed: number }
  /** Every call is refused as if the queue were full. */
  | { mode: 'busy' };

/** Counts since the behaviour was set. */
export interface Counts {
  /** Calls of `expert.run`. */
  calls: number;
  /** Runs or answers that were wrong, refused or slow. */
  wrong: number;
}

const BUSY_RETRY_MS = 100;

export class Misbehaviour {
  readonly counts: Counts = { calls: 0, wrong: 0 };
  #behaviour: Behaviour = { mode: 'healthy' };
  #random = uniform(0);

  set(behaviour: Behaviour): void {
    this.#behaviour = behaviour;
    Object.assign(this.counts, { calls: 0, wrong: 0 });
    if ('seed' in behaviour) this.#random = uniform(behaviour.seed);
  }

  device(device: ExpertDevice): ExpertDevice {
    return {
      numericsClass: device.numericsClass,
      load: (units, options) => device.load(units, options),
      unload: (units) => device.unload(units),
      dispose: () => device.dispose(),
      run: async (layer, x, asks) => {
        const startedAt = performance.now();
        const y = await device.run(layer, x, asks);
        return await this.#spoil(y, performance.now() - startedAt);
      },
    };
  }

  handlers(handlers: Handlers): Handlers {
    const { 'expert.run': run } = handlers;
    if (run === undefined) throw new Error('the service has no expert.run');
    return {
      ...handlers,
      'expert.run': async (params, context) => {
        this.counts.calls++;
        if (this.#behaviour.mode === 'busy') {
          this.counts.wrong++;
          throw new RpcError('busy', 'made to be busy', { retryAfterMs: BUSY_RETRY_MS });
        }
        return await this.#spoilAnswer(await run(params, context));
      },
    };
  }

  /** `y` is the answer of the device. This function may change it. `runMs` is the time that the device took. */
  async #spoil(y: Float32Array, runMs: number): Promise<Float32Array> {
    const behaviour = this.#behaviour;
    switch (behaviour.mode) {
      case 'nan':
        if (behaviour.where === 'device') {
          this.counts.wrong++;
          y[0] = Number.NaN;
        }
        return y;
      case 'flip':
        this.counts.wrong++;
        flipBit(y, Math.floor(this.#random() * y.length), Math.floor(this.#random() * behaviour.bits));
        return y;
      case 'slow':
        this.counts.wrong++;
        await delay((behaviour.factor - 1) * runMs);
        return y;
      case 'hiccup':
      case 'busy':
      case 'healthy':
        return y;
    }
  }

  async #spoilAnswer(answer: Value): Promise<Value> {
    const behaviour = this.#behaviour;
    if (behaviour.mode === 'nan' && behaviour.where === 'wire') {
      this.counts.wrong++;
      return withNaN(answer);
    }
    if (behaviour.mode === 'hiccup' && this.#random() < behaviour.share) {
      this.counts.wrong++;
      await delay(behaviour.delayMs);
    }
    return answer;
  }
}

/** Returns an answer of `expert.run` with its first float replaced by NaN. */
function withNaN(answer: Value): Value {
  if (!isMap(answer) || !(answer.rows instanceof Uint8Array))
    throw new Error('expert.run answered without rows');
  const rows = answer.rows.slice();
  new DataView(rows.buffer).setFloat32(0, Number.NaN, true);
  return { ...answer, rows };
}

/** Flips bit `bit` of the value at index `at`. Bits below 23 are the mantissa: the value stays finite. */
export function flipBit(values: Float32Array, at: number, bit: number): void {
  const bits = new Uint32Array(values.buffer, values.byteOffset, values.length);
  bits[at] = (bits[at] ?? 0) ^ (1 << bit);
}
