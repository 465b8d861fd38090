import { describe, expect, test } from 'vitest'
import { attachEnvironment, attachRequest, type AttachOptions } from '../../../src/container/attach-request.ts'

const plain: AttachOptions = { argv: ['true'], remountSysProc: false, environment: { clear: false, keep: [], set: [] } }
const target = { name: 'c1', socket: '/run/c' }

describe('the request', () => {
  test('by default: all namespaces, nothing elevated', () => {
    const request = attachRequest(plain, target)
    expect(request).toMatchObject({ argv: ['true'], elevate_caps: false, elevate_cgroup: false, elevate_lsm: false })
    expect(request.namespaces).toBeUndefined()
  })
  test('-s takes LXC’s names and implies -e', () => {
    expect(attachRequest({ ...plain, namespaces: 'NETWORK|uts' }, target)).toMatchObject({ namespaces: ['net', 'uts'], elevate_caps: true, elevate_lsm: true })
  })
  test('-e with a list', () => {
    expect(attachRequest({ ...plain, elevated: 'CAP|CGROUP' }, target)).toMatchObject({ elevate_caps: true, elevate_cgroup: true, elevate_lsm: false })
  })
  test.each([
    [{ namespaces: 'FOO' }, /FOO/],
    [{ namespaces: '' }, /namespace/],
    [{ elevated: 'ROOT' }, /ROOT/],
    [{ elevated: '', context: 'x' }, /LSM/],
  ])('%j is refused', (more, reason) => expect(() => attachRequest({ ...plain, ...more }, target)).toThrow(reason))
})

describe('the environment', () => {
  const caller = { PATH: '/host', SECRET: 's', GONE: undefined }
  test('is the caller’s, with container=lxc and lxc.environment over it', () => {
    expect(attachEnvironment({ clear: false, keep: [], set: [] }, ['A=1', 'SECRET=c'], caller)).toEqual({ PATH: '/host', SECRET: 'c', container: 'lxc', A: '1' })
  })
  test('--clear-env has a PATH of its own', () => {
    expect(attachEnvironment({ clear: true, keep: [], set: [] }, [], caller)).toEqual({ PATH: '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin', container: 'lxc' })
  })
  test('--keep-var PATH keeps the caller’s', () => {
    expect(attachEnvironment({ clear: true, keep: ['PATH'], set: [] }, [], caller).PATH).toBe('/host')
  })
  test('-v is last; without "=" it takes a variable away', () => {
    expect(attachEnvironment({ clear: false, keep: [], set: ['A=2', 'SECRET', 'E='] }, ['A=1'], caller)).toEqual({ PATH: '/host', container: 'lxc', A: '2', E: '' })
  })
})
