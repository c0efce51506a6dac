// Rotary position embedding of one head in float64, by the rules of Hugging Face's modeling_rope_utils.
import type { ModelConfig } from '../../model/config/config.ts';

export interface Rope {
  /** `[rotated values / 2]`, radians for each position. */
  frequencies: number[];
  /** Factor on cosine and sine; 1 except for yarn. */
  amplitude: number;
}

/** The frequencies after scaling. */
export function ropeOf({ headDim, rope: { base, scaling, rotary: dim = headDim } }: ModelConfig): Rope {
  const plain = Array.from({ length: dim / 2 }, (_, i) => base ** ((-2 * i) / dim));
  switch (scaling.type) {
    case 'default':
      return { frequencies: plain, amplitude: 1 };
    case 'linear':
      return { frequencies: plain.map((f) => f / scaling.factor), amplitude: 1 };
    case 'llama3': {
      const { factor, lowFreqFactor, highFreqFactor, originalContext } = scaling;
      const frequencies = plain.map((f) => {
        const turns = (originalContext * f) / (2 * Math.PI);
        if (turns > highFreqFactor) return f;
        if (turns < lowFreqFactor) return f / factor;
        const smooth = (turns - lowFreqFactor) / (highFreqFactor - lowFreqFactor);
        return (1 - smooth) * (f / factor) + smooth * f;
      });
      return { frequencies, amplitude: 1 };
    }
    case 'yarn': {
      const { factor, originalContext, betaFast, betaSlow, attentionFactor, truncate } = scaling;
      // The index whose frequency turns `turns` times over the original context.
      const indexOf = (turns: number) =>
        (dim * Math.log(originalContext / (turns * 2 * Math.PI))) / (2 * Math.log(base));
      const first = truncate ? Math.floor(indexOf(betaFast)) : indexOf(betaFast);
      const last = truncate ? Math.ceil(indexOf(betaSlow)) : indexOf(betaSlow);
      const from = Math.max(first, 0);
      const to = Math.min(last, dim - 1);
      const width = from === to ? 0.001 : to - from;
      const frequencies = plain.map((f, i) => {
        const interpolated = Math.min(1, Math.max(0, (i - from) / width));
        return interpolated * (f / factor) + (1 - interpolated) * f;
      });
      return { frequencies, amplitude: attentionFactor };
    }
  }
}

/** Rotates the first values of one head, half against half. The others stay as they are if the model rotates only a part. */
export function rotate(head: Float64Array, position: number, { frequencies, amplitude }: Rope): Float64Array {
  const half = frequencies.length;
  const rotated = head.slice();
  for (let i = 0; i < half; i++) {
    const angle = position * (frequencies[i] as number);
    const cosine = amplitude * Math.cos(angle);
    const sine = amplitude * Math.sin(angle);
    const a = head[i] as number;
    const b = head[i + half] as number;
    rotated[i] = a * cosine - b * sine;
    rotated[i + half] = b * cosine + a * sine;
  }
  return rotated;
}
