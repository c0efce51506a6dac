import { expect, it } from 'vitest';
import { kernels, paths } from './support.ts';

it('the multiply peak counts operations in proportion to its turns, on the paths that have such a loop', () => {
  const before = kernels.path();
  try {
    for (const path of paths) {
      kernels.setPath(path);
      const isX86 = path === 'avx512-vnni' || path === 'avx2';
      expect(kernels.prefetches()).toBe(isX86);
      expect(kernels.peak(1) > 0).toBe(isX86);
      expect(kernels.peak(3)).toBe(3 * kernels.peak(1));
    }
  } finally {
    kernels.setPath(before);
  }
});
