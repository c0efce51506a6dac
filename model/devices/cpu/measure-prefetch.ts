// Measures products of one row with each prefetch hint, on weights that are not in any cache. Takes about 10 ms.
import type { Kernels } from '../../../kernels/kernels.ts';
import { matrixBytes } from '../../tiles.ts';
import { PREFETCHES, type PrefetchTimes } from './prefetch.ts';

const ROWS = 768;
const COLS = 1536;
/** Several, so that a product does not find the pages of the product before it in the fast part of the translation cache. */
const MATRICES = 8;
const ROUNDS = 8;

/**
 * Uses weights of its own, because a bundle may not be in memory yet. They take 5 MB, and are evicted from the caches after each
 * product, so that the size of the caches does not matter. Undefined if the kernels of this processor do not prefetch. Restores
 * the threads and the hint.
 */
export function measurePrefetches(kernels: Kernels): PrefetchTimes[] | undefined {
  if (!kernels.prefetches()) return undefined;
  // Bytes other than zero, because the system may keep pages of zeros in one place of memory.
  const bytes = new Uint8Array(matrixBytes('q4', ROWS, COLS)).fill(1);
  const matrices = Array.from({ length: MATRICES }, () => kernels.matrixOf(bytes, ROWS, COLS, 4));
  if (!matrices.every((matrix) => kernels.evict(matrix))) return undefined;
  const times = PREFETCHES.map((prefetch) => ({ prefetch, microseconds: [] as number[] }));
  const x = new Float32Array(COLS).fill(1);
  const y = new Float32Array(ROWS);
  const before = { prefetch: kernels.prefetch(), threads: kernels.threads() };
  kernels.setThreads(1);
  let products = 0;
  try {
    for (let round = 0; round < ROUNDS; round++) {
      for (const { prefetch, microseconds } of round % 2 === 0 ? times : times.toReversed()) {
        const matrix = matrices[products++ % MATRICES]!;
        kernels.setPrefetch(prefetch.hint, prefetch.aheadBytes);
        const start = performance.now();
        kernels.product(x, 1, [matrix], [y]);
        microseconds.push((performance.now() - start) * 1000);
        kernels.evict(matrix);
      }
    }
  } finally {
    kernels.setThreads(before.threads);
    kernels.setPrefetch(before.prefetch.hint, before.prefetch.aheadBytes);
  }
  return times;
}
