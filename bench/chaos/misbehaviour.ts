// Kinds of misbehaviour of a shard, and the device and handlers that perform them.
import type { ExpertDevice } from '../../model/devices/expert.ts';
import { RpcError } from '../../rpc/errors.ts';
import { isMap } from '../../rpc/messages.ts';
import type { Handlers, Value } from '../../rpc/transport.ts';
import { uniform } from '../../test/support/random.ts';

export type Behaviour =
  | { mode: 'healthy' }
  /** A value of each answer is none: of its device, which its service sees, or on the wire behind its own checks. */
  | { mode: 'nan'; where: 'device' | 'wire' }
  /** One value of each run has another bit, drawn from the `bits` lowest of its mantissa: finite, and wrong. */
  | { mode: 'flip'; seed: number; bits: number }
  /** Each run takes this many times as long. */
  | { mode: 'slow'; factor: number }
  /** A share of its answers is delayed; others do not wait for them. Milliseconds. */
  | { mode: 'hiccup'; share: number; delayMs: number; seed: number }
  /** Its queue is full. */
  | { mode: 'busy' };

/** Since the behaviour was set. */
export interface Counts {
  /** Of `expert.run`. */
  calls: number;
  /** Runs or answers that went wrong or slowly. */
  wrong: number;
}

const busyRetryMs = 100;

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
          throw new RpcError('busy', 'told to be', { retryAfterMs: busyRetryMs });
        }
        return await this.#spoilAnswer(await run(params, context));
      },
    };
  }

  /** `y` is the device's answer, given away; it took `runMs`. */
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
        await later((behaviour.factor - 1) * runMs);
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
      await later(behaviour.delayMs);
    }
    return answer;
  }
}

/** An answer of `expert.run` whose first float is none. */
function withNaN(answer: Value): Value {
  if (!isMap(answer) || !(answer.rows instanceof Uint8Array)) throw new Error('an answer without rows');
  const rows = answer.rows.slice();
  new DataView(rows.buffer).setFloat32(0, Number.NaN, true);
  return { ...answer, rows };
}

/** Turns bit `bit` of value `at`: below 23, the mantissa, it stays finite. */
export function flipBit(values: Float32Array, at: number, bit: number): void {
  const bits = new Uint32Array(values.buffer, values.byteOffset, values.length);
  bits[at] = (bits[at] ?? 0) ^ (1 << bit);
}

function later(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
