// The core suite: `npm test` runs it in under five minutes on two cores.
import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    exclude: ['**/node_modules/**', 'test/**/*.{slow,speed,fuzz}.test.ts'],
    // Only what hangs comes to these: a test waits for events, and a busy machine takes many times as long for them.
    testTimeout: 120_000,
    hookTimeout: 120_000,
    /** Of `expect.poll`; its default of a second is a busy machine's pause. */
    expect: { poll: { timeout: 60_000, interval: 10 } },
    maxWorkers: 2,
  },
});
