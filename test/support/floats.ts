// Random floats for tests from the counter-based generator of the sampler.
import { uniform } from '../../gateway/engine/sampling/random.ts';

/** Uniform in [-scale, scale). */
export function floats(seed: number, count: number, scale: number): Float32Array {
  return Float32Array.from({ length: count }, (_, i) => (2 * uniform(seed, 0, i) - 1) * scale);
}
