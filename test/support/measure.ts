// Converts a tiny checkpoint, runs it on the devices and compares every position with the reference. Knows the bound of each
// precision.
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { DeviceName } from '../../model/devices/options.ts';
import { resolve } from '../reference/agreement.ts';
import { weightsOfBundle } from '../reference/bundle-weights.ts';
import { forward } from '../reference/forward.ts';
import { weightsOfCheckpoint } from '../reference/weights.ts';
import { drive } from './drive.ts';
import { openTiny } from './engines/devices.ts';
import { relativeError } from './error.ts';
import { type CheckpointOptions, writeCheckpoint } from './models/checkpoint.ts';
import { seedOf, uniform } from './random.ts';

/** Largest `max |a - b| / max |b|` over a position's logits. */
export const bound = 1e-4;

/** Devices that round activations to int8, and devices that do not. */
const rounds = (bits: number, device: DeviceName) => bits !== 32 && device !== 'webgpu';

/** Scores nearer than this are a tie that float32 (and int8 activations) may break otherwise. */
export const routingMargin = (bits: number) => (bits === 32 ? 1e-5 : 1e-2);

export interface Measurement {
  /** Largest error of a position. */
  worst: number;
  positions: number;
  /** Choices of experts, positions times layers, and how many of them were forced. */
  choices: number;
  forced: number;
  /** By how much a choice that was the device's own missed the reference's best, at worst. */
  regret: number;
  /** Distances from the half of the int8 ties that were turned. */
  turned: number[];
  /** To the float reference on the same, dequantised, weights. */
  floatDistance: number;
}

/** Prompt in chunks of at least two, then single positions. */
const steps = [5, 2, 7, 1, 1, 1, 1, 1, 1];

export async function measure(
  options: CheckpointOptions,
  bits: 4 | 8 | 32,
  device: DeviceName = 'ort-cpu',
): Promise<Measurement> {
  const dir = await mkdtemp(join(tmpdir(), 'expertgrid-numerics-'));
  try {
    const checkpoint = await writeCheckpoint(join(dir, 'hf'), options);
    const tiny = await openTiny({ from: checkpoint.dir, to: join(dir, 'bundle'), bits, device });
    try {
      const { config } = checkpoint;
      // At 32 bits the reference takes the checkpoint's own floats, so that the conversion is held to account too.
      const weights =
        bits === 32 ? weightsOfCheckpoint(config, checkpoint.tensors) : await weightsOfBundle(tiny.bundle);
      const next = uniform(seedOf(options.seed ?? 1, 'ids'));
      const length = steps.reduce((sum, count) => sum + count, 0);
      const ids = Array.from({ length }, () => Math.floor(next() * config.vocab));
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
      const { result, turned, errors } = resolve(used, logits, bound);
      const float = forward({ ...used, activations: 'float', keyValues: 'float' });
      return {
        worst: Math.max(...errors),
        positions: length,
        choices: length * config.layers,
        forced: forced.flat().filter((choice) => choice !== undefined).length,
        regret: Math.max(
          ...result.routing.flatMap((layer, l) => {
            return layer.map(({ regret }, position) => (forced[l]?.[position] ? 0 : regret));
          }),
        ),
        turned: [...turned.values()],
        floatDistance: Math.max(...float.logits.map((row, p) => relativeError(logits[p] ?? [], row))),
      };
    } finally {
      await tiny.close();
    }
  } finally {
    await rm(dir, { recursive: true });
  }
}

/** The combined result of several measurements, with the exceptions counted. */
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
