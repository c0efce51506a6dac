// Seeded floats for tests, through the project's own counter-based generator.
import { uniform } from '../../gateway/engine/sampling/random.ts';

/** Uniform in [-scale, scale). */
export function floats(seed: number, count: number, scale: number): Float32Array {
  return Float32Array.from({ length: count }, (_, i) => (2 * uniform(seed, 0, i) - 1) * scale);
}
