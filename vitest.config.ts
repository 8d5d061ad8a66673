import { defineConfig } from 'vitest/config'

// Sweeps go through every step of a migration, every call and every cloud, one failure after another: minutes of their own, run by `npm run sweep` and by CI.
const files = process.env['SWEEPS'] ? 'test/**/*.sweep.ts' : 'test/**/*.test.ts'

export default defineConfig({
  test: {
    include: [files],
    globalSetup: ['test/setup/global.ts'],
    // Some of the time goes by waiting for leases and clouds, so four files at once suit even two cores; sweeps keep hypervisors busy.
    maxWorkers: process.env['SWEEPS'] ? 3 : 4,
    // One process runs file after file, so that a cloud's SDK is loaded once and not for every file.
    isolate: false,
    // Only what hangs gets there: no test is red because a machine is busy.
    testTimeout: 300_000,
    hookTimeout: 300_000,
    teardownTimeout: 60_000,
    expect: { poll: { timeout: 60_000 } },
  },
})
