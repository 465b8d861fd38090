import { configDefaults, defineConfig } from 'vitest/config'

/** Files that take minutes and prove what seldom changes. Not skipped but left out: CI takes a skip for a failure. */
const slow = process.env.TLXC_TEST_SLOW === '1' ? [] : ['test/**/*.slow.e2e.test.ts']

/** What unpacks distributions, half of the time and all of the downloads. `npm test` runs it beside the rest, each in a root of its own (TLXC_TEST_LANE). */
const templates = ['test/e2e/template-*.e2e.test.ts', 'test/e2e/{cloud-init.slow,debian,postgres.slow,lxc-templates,oci-layers}.e2e.test.ts']
const lane = process.env.TLXC_TEST_LANE

export default defineConfig({
  test: {
    projects: [
      { test: { name: 'unit', include: ['test/unit/**/*.test.ts', 'test/security/**/*.unit.test.ts'], testTimeout: 30_000 } },
      {
        test: {
          name: 'e2e',
          include: lane === 'templates' ? templates : ['test/e2e/**/*.e2e.test.ts', 'test/security/**/*.e2e.test.ts'],
          exclude: [...configDefaults.exclude, ...slow, ...(lane === 'rest' ? templates : [])],
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
