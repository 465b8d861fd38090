import { configDefaults, defineConfig } from 'vitest/config'

/** Files that take minutes and prove what seldom changes. Not skipped but left out: CI takes a skip for a failure. */
const slow = process.env.TLXC_TEST_SLOW === '1' ? [] : ['test/**/*.slow.e2e.test.ts']

export default defineConfig({
  test: {
    projects: [
      { test: { name: 'unit', include: ['test/unit/**/*.test.ts', 'test/security/**/*.unit.test.ts'], testTimeout: 30_000 } },
      {
        test: {
          name: 'e2e',
          include: ['test/e2e/**/*.e2e.test.ts', 'test/security/**/*.e2e.test.ts'],
          exclude: [...configDefaults.exclude, ...slow],
          // Real containers share one kernel, one bridge and two cores: one file at a time.
          fileParallelism: false,
          testTimeout: 180_000,
          hookTimeout: 300_000,
          globalSetup: ['test/helpers/e2e-setup.ts'],
        },
      },
    ],
  },
})
