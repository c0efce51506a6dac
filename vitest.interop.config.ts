// Old and new together: `npm run test:interop` runs the previous release beside this tree. It needs the git history, which a
// package or a shallow clone has not, so it is a command of its own.
import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    setupFiles: ['test/support/setup.ts'],
    include: ['test/**/*.interop.test.ts'],
    testTimeout: 300_000,
    hookTimeout: 120_000,
    expect: { poll: { timeout: 60_000, interval: 10 } },
    maxWorkers: 1,
    fileParallelism: false,
  },
});
