// The long fuzz tests: `npm run test:fuzz` runs 1.2 million frames, 10,000 exchanges, 20,000 requests and 5,000 schemas.
import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    setupFiles: ['test/support/setup.ts'],
    include: ['test/**/*.fuzz.test.ts'],
    testTimeout: 600_000,
    hookTimeout: 120_000,
    maxWorkers: 1,
    fileParallelism: false,
  },
});
