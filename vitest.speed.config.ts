// Tests of speed: `npm run test:speed`, on a machine that does nothing else. Their figures are recorded in docs/benchmarks.md.
import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    setupFiles: ['test/support/setup.ts'],
    include: ['test/**/*.speed.test.ts'],
    testTimeout: 600_000,
    hookTimeout: 120_000,
    maxWorkers: 1,
    fileParallelism: false,
  },
});
