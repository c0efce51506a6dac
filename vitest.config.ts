// The core suite: `npm test` runs it in under five minutes on two cores.
import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    setupFiles: ['test/support/setup.ts'],
    include: ['test/**/*.test.ts'],
    exclude: ['**/node_modules/**', 'test/**/*.{slow,long,speed,fuzz,interop,deploy,cell}.test.ts'],
    // Tests wait for events, which take many times as long on a busy machine. Only a hang reaches these limits.
    testTimeout: 120_000,
    hookTimeout: 120_000,
    // The default of one second is too short for a busy machine.
    expect: { poll: { timeout: 60_000, interval: 10 } },
    // Test files share workers and the modules in them, which halves the CPU time of the suite.
    isolate: false,
    maxWorkers: 2,
  },
});
