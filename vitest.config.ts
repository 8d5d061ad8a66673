import { defineConfig } from 'vitest/config'

// Sweeps go through every step of a migration, one failure after another: minutes of their own, run by `npm run sweep` and by CI.
const files = process.env['SWEEPS'] ? 'test/**/*.sweep.ts' : 'test/**/*.test.ts'

export default defineConfig({
  test: {
    include: [files],
    globalSetup: ['test/setup/global.ts'],
    // Much of the time goes by waiting for leases and clouds, so two files at once suit even a small machine.
    maxWorkers: 2,
    testTimeout: 30_000,
    hookTimeout: 60_000,
    teardownTimeout: 60_000,
  },
})
