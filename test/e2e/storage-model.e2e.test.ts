/** A thousand random operations, done to the real thing and to a model beside it: both hold the same, and the check finds nothing wrong. */
import { join } from 'node:path'
import { afterAll, expect, test } from 'vitest'
import { repoRoot } from '../helpers/e2e.ts'
import { Lane } from '../helpers/fault-lane.ts'
import { Bench } from '../helpers/loop-fs.ts'
import { randomOf, StorageModel } from '../helpers/storage-model.ts'

const OPERATIONS = Number(process.env['MODEL_OPERATIONS'] ?? 1000)
/** Comparing everything costs more than an operation. */
const EVERY = 25
const bench = new Bench()
afterAll(() => bench.remove())

test(`${OPERATIONS} random operations`, { timeout: 600_000 }, async () => {
  // One seed finds the same again: MODEL_SEED=N
  const seed = Number(process.env['MODEL_SEED'] ?? Date.now() % 1_000_000)
  const lane = new Lane(bench, 'model')
  lane.load('empty')
  const model = new StorageModel(lane, join(repoRoot, 'test/helpers/templates/data'), randomOf(seed))
  const tail = (): string => `seed ${seed}, after ${model.history.length} operations, the last:\n${model.history.slice(-12).join('\n')}`
  for (let i = 1; i <= OPERATIONS; i++) {
    await model.step().catch((error: unknown) => {
      throw new Error(`${String(error)}\n${tail()}`)
    })
    if (i % EVERY !== 0 && i !== OPERATIONS) continue
    const state = await lane.state()
    expect(model.compare(state), tail()).toEqual([])
    expect(state.leaks, tail()).toEqual([])
    const check = await lane.tlxc(['tlxc-checkconfig', '--storage', '--dry-run', '--json'])
    expect(JSON.parse(check.stdout), tail()).toMatchObject({ storage: [] })
    expect(lane.mounts().sort(), tail()).toEqual(model.names.map((name) => `${name}/rootfs`).sort())
  }
  lane.off()
})
