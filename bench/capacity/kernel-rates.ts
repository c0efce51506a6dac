// Measures what one thread of the kernels reaches with matrices that no cache holds.
import { kernels, missingReason } from '../../kernels/kernels.ts';
import { matrixBytes } from '../../model/tiles.ts';
import { median } from '../statistics.ts';

const SIDE = 1536;
/** 85 MB at 4 bits. */
const MATRICES = 64;
const PASSES = 5;
const MANY_ROWS = 64;

export interface KernelRates {
  multiplyAddsPerUs: number;
  bytesPerUs: number;
}

export function kernelRates(): KernelRates {
  if (kernels === undefined) throw new Error(missingReason);
  const loaded = kernels;
  loaded.setThreads(1);
  const bytes = matrixBytes('q4', SIDE, SIDE);
  const matrices = Array.from({ length: MATRICES }, () =>
    loaded.matrixOf(new Uint8Array(bytes), SIDE, SIDE, 4),
  );
  /** Microseconds of CPU time of one product, the median of several passes. */
  const productUs = (rows: number, used: number) => {
    const x = new Float32Array(rows * SIDE).fill(0.5);
    const y = new Float32Array(rows * SIDE);
    const pass = () => {
      const from = cpuUs();
      for (const matrix of matrices.slice(0, used)) loaded.product(x, rows, [matrix], [y]);
      return (cpuUs() - from) / used;
    };
    pass();
    return median(Array.from({ length: PASSES }, pass)) ?? Number.NaN;
  };
  return {
    bytesPerUs: bytes / productUs(1, MATRICES),
    multiplyAddsPerUs: (MANY_ROWS * SIDE * SIDE) / productUs(MANY_ROWS, MATRICES >> 3),
  };
}

function cpuUs(): number {
  const { user, system } = process.threadCpuUsage();
  return user + system;
}
