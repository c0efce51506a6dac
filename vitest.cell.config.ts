// The image and a whole cell in containers: `npm run test:cell`. It needs podman and root (docs/deploy.md).
import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    setupFiles: ['test/support/setup.ts'],
    globalSetup: ['test/cell/make-image.ts'],
    include: ['test/**/*.cell.test.ts'],
    testTimeout: 600_000,
    hookTimeout: 300_000,
    maxWorkers: 1,
    fileParallelism: false,
  },
});
