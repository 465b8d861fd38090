import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { createContainer, type CreateContext } from '../../../src/container/create.ts'
import { LockedError, type LockHolder } from '../../../src/errors.ts'
import type { Host } from '../../../src/host/host.ts'
import { makeFakeHost, type FakeHost } from '../../helpers/run-program.ts'

let real: FakeHost
let timeouts: number[]
beforeEach(() => {
  real = makeFakeHost()
  timeouts = []
})
afterEach(() => real.remove())

/** The container's lock is somebody else's for whoever does not wait. */
function create(holder: LockHolder | null): Promise<{ name: string }> {
  const lock: Host['lock'] = (path, options) => {
    if (!path.endsWith('/.locks/c1')) return real.lock(path, options)
    timeouts.push(options.timeoutMs)
    return options.timeoutMs === 0 ? Promise.reject(new LockedError(path, holder)) : real.lock(path, options)
  }
  const ctx: CreateContext = { host: { ...real, lock }, env: {}, signal: new AbortController().signal, lockTimeoutMs: 7000, stderr: { write: () => undefined } }
  // A directory's name must not be taken for what the holder does.
  const lxcpath = `${real.root}/create of c1`
  return createContainer(ctx, { name: 'c1', lxcpath, template: 'none', templateArgs: [], storage: 'dir', privileged: true, output: 'discard' })
}

describe('a lock that another process holds', () => {
  it('for a create: there is nothing left to make', async () => {
    await expect(create({ pid: 7, purpose: 'create of c1' })).rejects.toMatchObject({
      code: 'BUSY', message: 'cannot create "c1": it is being created by another command', cause: expect.any(LockedError),
    })
    expect(timeouts).toEqual([0])
  })

  it.each([[{ pid: 7, purpose: 'destroy of c1' }], [{ pid: 7, purpose: null }], [null]])('for %j: it is waited for', async (holder) => {
    expect((await create(holder)).name).toBe('c1')
    expect(timeouts).toEqual([0, 7000])
  })
})
