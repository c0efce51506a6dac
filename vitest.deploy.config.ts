// Tests that run the tools of operators. They need promtool and helm on the PATH.
import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    setupFiles: ['test/support/setup.ts'],
    include: ['test/**/*.deploy.test.ts'],
    testTimeout: 120_000,
  },
});
