// Converts a tiny checkpoint, runs it on a device and compares the logits of every position with the reference.
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { ModelConfig } from '../../model/config/model-config.ts';
import type { DeviceName } from '../../model/devices/options.ts';
import { resolve } from '../reference/agreement.ts';
import { weightsOfBundle } from '../reference/bundle-weights.ts';
import { forward } from '../reference/forward.ts';
import { type ReferenceWeights, weightsOfCheckpoint } from '../reference/weights.ts';
import { drive } from './drive.ts';
import { openTiny, type Tiny } from './engines/devices.ts';
import { relativeError } from './error.ts';
import { type CheckpointOptions, writeCheckpoint } from './models/checkpoint.ts';
import { seedOf, uniform } from './random.ts';

/** Largest allowed error of a position: `max |a - b| / max |b|` over its logits. */
export const bound = 1e-4;

/** Whether a device rounds activations to int8. */
const rounds = (bits: number, device: DeviceName) => bits !== 32 && device !== 'webgpu';

/** If two scores differ by less than this, rounding to float32 or int8 may decide which expert is chosen. */
export const routingMargin = (bits: number) => (bits === 32 ? 1e-5 : 1e-2);

export interface Measurement {
  /** Largest error of a position. */
  worst: number;
  positions: number;
  /** Number of choices of experts (positions times layers with experts), and of choices that were forced. */
  choices: number;
  forced: number;
  /** Largest amount by which a choice of the device missed the best score of the reference. */
  regret: number;
  /** For each activation that was rounded the other way to reach agreement: its distance from half-way, in steps of int8. */
  turned: number[];
  /** Largest error against the float reference with the same dequantised weights. */
  floatDistance: number;
}

/** Rows of each step: chunks of the prompt of at least two rows, then single positions. */
const steps = [5, 2, 7, 1, 1, 1, 1, 1, 1];

/** Measures a random checkpoint. At 32 bits, the reference uses the checkpoint's floats, so that this also tests the conversion. */
export async function measure(
  options: CheckpointOptions,
  bits: 4 | 6 | 8 | 32,
  device: DeviceName = 'ort-cpu',
): Promise<Measurement> {
  const dir = await mkdtemp(join(tmpdir(), 'expertgrid-numerics-'));
  try {
    const checkpoint = await writeCheckpoint(join(dir, 'hf'), options);
    const tiny = await openTiny({ from: checkpoint.dir, to: join(dir, 'bundle'), bits, device });
    try {
      const { config, tensors } = checkpoint;
      const next = uniform(seedOf(options.seed ?? 1, 'ids'));
      const length = steps.reduce((sum, count) => sum + count, 0);
      const ids = Array.from({ length }, () => Math.floor(next() * config.vocab));
      const weights = bits === 32 ? weightsOfCheckpoint(config, tensors) : await weightsOfBundle(tiny.bundle);
      return await compare({ tiny, device, config, weights, ids, steps });
    } finally {
      await tiny.close();
    }
  } finally {
    await rm(dir, { recursive: true });
  }
}

interface CompareOptions {
  tiny: Tiny;
  device: DeviceName;
  config: ModelConfig;
  weights: ReferenceWeights;
  ids: readonly number[];
  /** Rows of each step. */
  steps: readonly number[];
  /** See `resolve` in test/reference/agreement.ts. */
  reaches?: readonly number[];
}

/** Runs `ids` on the device and by the reference, with the same decision on both sides where float32 leaves it open. */
export async function compare({
  tiny,
  device,
  config,
  weights,
  ids,
  steps,
  reaches,
}: CompareOptions): Promise<Measurement> {
  const { bits } = tiny.bundle;
  const reference = {
    config,
    weights,
    ids,
    activations: rounds(bits, device) ? 'int8' : 'float',
    keyValues: tiny.dense.kv.shared ? 'float16' : 'float', // pages are float16, ONNX Runtime's buffers float32
  } as const;

  const margin = routingMargin(rounds(bits, device) ? bits : 32);
  const forced = forward(reference).routing.map((layer) => {
    return layer.map((choice) => (choice.margin < margin ? choice.experts : undefined));
  });
  const { logits, experts } = await drive({ ...tiny, config, ids, steps, forced });
  const used = { ...reference, forcedExperts: experts };
  const { result, turned, errors } = resolve(used, logits, bound, reaches);
  const float = forward({ ...used, activations: 'float', keyValues: 'float' });
  return {
    worst: Math.max(...errors),
    positions: ids.length,
    choices: ids.length * forced.length,
    forced: forced.flat().filter((choice) => choice !== undefined).length,
    regret: Math.max(
      ...result.routing.flatMap((layer, hop) => {
        return layer.map(({ regret }, position) => (forced[hop]?.[position] ? 0 : regret));
      }),
    ),
    turned: [...turned.values()],
    floatDistance: Math.max(...float.logits.map((row, p) => relativeError(logits[p] ?? [], row))),
  };
}

/** Text with the results of several measurements, the forced choices and the activations that were rounded the other way. */
export function summary(title: string, all: readonly Measurement[]): string {
  const sum = (of: (one: Measurement) => number) => all.reduce((total, one) => total + of(one), 0);
  const sorted = (of: (one: Measurement) => number[]) => all.flatMap(of).sort((a, b) => a - b);
  const share = (part: number, whole: number) =>
    `${part} of ${whole} (${((100 * part) / whole).toFixed(1)} %)`;
  const distances = sorted((one) => [one.floatDistance]);
  const farthestTurn = sorted((one) => one.turned).at(-1) ?? 0;
  return [
    `${title}: ${all.length} checkpoints, worst error ${sorted((one) => [one.worst])
      .at(-1)
      ?.toExponential(1)}`,
    `routing forced at ${share(
      sum((one) => one.forced),
      sum((one) => one.choices),
    )} choices`,
    `int8 ties turned at ${share(
      sum((one) => one.turned.length),
      sum((one) => one.positions),
    )} positions, within ${farthestTurn.toExponential(1)} of a step from the half`,
    `distance to the float reference on the same weights: median ${distances[distances.length >> 1]?.toExponential(1)}, ` +
      `largest ${distances.at(-1)?.toExponential(1)}`,
  ].join('\n  ');
}
