import { readFileSync } from 'node:fs'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { cgroupLayout, parseCgroups } from '../../../src/host/parse-cgroups.ts'
import { parseKernelRelease, parseStatStart } from '../../../src/host/parse-proc.ts'
import { nameOfUser, parseSubid } from '../../../src/host/users.ts'

const fixture = (name: string): string => readFileSync(new URL(`../../fixtures/proc/${name}`, import.meta.url), 'utf8')

describe('parseCgroups', () => {
  it('reads a hybrid machine', () => {
    const found = parseCgroups(fixture('hybrid.mountinfo'), fixture('hybrid.cgroup'), fixture('hybrid.cgroup').replace('/shell/7b56', '/'), () => '')
    expect(cgroupLayout(found)).toBe('hybrid')
    expect(found).toHaveLength(10)
    expect(found.find(({ controllers }) => controllers.includes('memory'))).toEqual({
      version: 1,
      controllers: ['memory'],
      mount: '/sys/fs/cgroup/memory',
      base: '/shell/7b56',
      initBase: '/',
    })
    expect(found.at(-1)).toEqual({ version: 2, controllers: [], mount: '/sys/fs/cgroup/unified', base: '/', initBase: '/' })
  })

  it('reads a pure v2 machine with systemd, and leaves its init.scope', () => {
    const controllers = (mount: string): string => (mount === '/sys/fs/cgroup' ? 'cpuset cpu io memory pids\n' : '')
    const found = parseCgroups(fixture('v2.mountinfo'), fixture('v2.cgroup'), fixture('v2.init-cgroup'), controllers)
    expect(cgroupLayout(found)).toBe('v2')
    expect(found).toEqual([
      {
        version: 2,
        controllers: ['cpuset', 'cpu', 'io', 'memory', 'pids'],
        mount: '/sys/fs/cgroup',
        base: '/user.slice/user-0.slice/session-3.scope',
        initBase: '/',
      },
    ])
  })

  it('reads a v1 machine: co-mounted controllers in another order, a name, escaped paths, a mount of a subtree', () => {
    const found = parseCgroups(fixture('v1.mountinfo'), fixture('v1.cgroup'), '', () => '')
    expect(cgroupLayout(found)).toBe('v1')
    expect(found.map(({ controllers, mount, base }) => [controllers.join(), mount, base])).toEqual([
      ['name=systemd', '/sys/fs/cgroup/systemd', '/user.slice/user-1000.slice/session-1.scope'],
      ['cpuacct,cpu', '/sys/fs/cgroup/cpu,cpuacct', '/user.slice'],
      ['devices', '/sys/fs/cgroup/devices', '/user.slice'],
      ['memory', '/sys/fs/cgroup/memory', '/user.slice'],
      ['freezer', '/sys/fs/cgroup/freezer', '/'],
      ['blkio', '/mnt/with blank', '/inner'],
    ])
    expect(found.every(({ base, initBase }) => base === initBase)).toBe(true)
  })

  it('takes any text', () => {
    fc.assert(
      fc.property(fc.string(), fc.string(), (mountinfo, membership) => {
        for (const { base, mount } of parseCgroups(`${mountinfo}\n${fixture('v1.mountinfo')}`, membership, mountinfo, () => membership)) {
          expect(base).toMatch(/^\//)
          expect(typeof mount).toBe('string')
        }
      }),
    )
  })
})

describe('small texts', () => {
  it('finds the start time behind any name', () => {
    const rest = `S ${Array.from({ length: 18 }, (_, index) => index).join(' ')} 4711 more`
    fc.assert(fc.property(fc.string(), (name) => parseStatStart(`12 (${name}) ${rest}`) === 4711))
    expect(parseStatStart('')).toBeNull()
  })

  it('reads kernel releases', () => {
    expect(parseKernelRelease('6.18.44-generic')).toEqual([6, 18])
    expect(parseKernelRelease('nonsense')).toEqual([0, 0])
  })

  it('reads allotments by name and number, and skips bad lines', () => {
    const text = 'root:100000:65536\n# x\nann:1:2\n0:300000:10\nroot:x:1\nroot:5\nroot:1:99999999999\n'
    expect(parseSubid(text, 'root', 0)).toEqual([
      { start: 100000, count: 65536 },
      { start: 300000, count: 10 },
    ])
    fc.assert(fc.property(fc.string(), (any) => parseSubid(any, 'root', 0).every(({ start, count }) => start >= 0 && count >= 0)))
  })

  it('finds a login name', () => {
    expect(nameOfUser('root:x:0:0::/root:/bin/sh\nann:x:1000:1000::/:', 1000)).toBe('ann')
    expect(nameOfUser('root:x:0:0', 1000)).toBeNull()
  })
})
