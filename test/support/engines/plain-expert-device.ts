// An expert device of plain, slow loops over random weights. An answer depends only on the seed, the unit and the row.
import { runByExpert } from '../../../model/devices/by-expert.ts';
import type { ExpertDevice, Unit } from '../../../model/devices/expert.ts';
import { normal, seedOf } from '../random.ts';

export interface PlainExpertOptions {
  hidden: number;
  inner: number;
  seed?: number;
  numericsClass?: string;
}

interface Weights {
  gate: Float32Array;
  up: Float32Array;
  down: Float32Array;
}

export interface PlainExpertDevice extends ExpertDevice {
  /** Every run so far: the layer, its experts, and the number of rows of each expert. */
  readonly runs: { layer: number; experts: number[]; rows: number[] }[];
}

export function createPlainExpertDevice({
  hidden,
  inner,
  seed = 1,
  numericsClass = 'plain-f32',
}: PlainExpertOptions): PlainExpertDevice {
  const units = new Map<string, Weights>();
  const runs: PlainExpertDevice['runs'] = [];

  function random(name: string, length: number): Float32Array {
    const next = normal(seedOf(seed, name));
    return Float32Array.from({ length }, () => next() / Math.sqrt(hidden));
  }

  return {
    numericsClass,
    runs,
    async load(toLoad, { onLoaded } = {}) {
      toLoad.forEach((unit, i) => {
        const name = nameOf(unit);
        units.set(name, {
          gate: random(`${name} gate`, inner * hidden),
          up: random(`${name} up`, inner * hidden),
          down: random(`${name} down`, hidden * inner),
        });
        onLoaded?.(unit, i + 1, toLoad.length);
      });
    },
    async unload(toUnload) {
      for (const unit of toUnload) units.delete(nameOf(unit));
    },
    run(layer, x, asks) {
      return runByExpert(x, asks, hidden, async (groups) => {
        runs.push({
          layer,
          experts: groups.map(({ expert }) => expert),
          rows: groups.map(({ rows }) => rows.length / hidden),
        });
        return groups.map(({ expert, rows }) => {
          const weights = units.get(nameOf({ layer, expert }));
          if (weights === undefined) throw new Error(`expert ${expert} of layer ${layer} is not loaded`);
          const answer = new Float32Array(rows.length);
          for (let at = 0; at < rows.length; at += hidden) {
            answer.set(swiglu(rows.subarray(at, at + hidden), weights, inner), at);
          }
          return answer;
        });
      });
    },
    async dispose() {
      units.clear();
    },
  };
}

function nameOf({ layer, expert }: Unit): string {
  return `${layer}:${expert}`;
}

function swiglu(x: Float32Array, { gate, up, down }: Weights, inner: number): Float32Array {
  const mid = new Float32Array(inner);
  for (let i = 0; i < inner; i++) {
    const g = dot(gate, i * x.length, x);
    mid[i] = (g / (1 + Math.exp(-g))) * dot(up, i * x.length, x);
  }
  return Float32Array.from({ length: x.length }, (_, i) => dot(down, i * inner, mid));
}

function dot(matrix: Float32Array, start: number, x: Float32Array): number {
  let sum = 0;
  for (let i = 0; i < x.length; i++) sum += matrix[start + i]! * x[i]!;
  return sum;
}
