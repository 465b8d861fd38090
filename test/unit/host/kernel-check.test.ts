import * as fs from 'node:fs'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { checkKernel, evaluate, parseKernelConfig, type LiveKernel } from '../../../src/host/kernel-check.ts'

const live: LiveKernel = {
  release: '6.18.44',
  modules: new Set(['veth']),
  filesystems: new Set(['overlay']),
  namespaces: new Set(['cgroup', 'user']),
  limits: { user: 0, pid: 100 },
  cgroup1: ['/sys/fs/cgroup/freezer'],
  cgroup2: ['/sys/fs/cgroup/unified'],
  cloneChildren: false,
  idmapTools: { newuidmap: 'ok', newgidmap: 'not-setuid' },
}

describe('kernel check', () => {
  it('reads options that are built in or modules', () => {
    const text = '# Linux\nCONFIG_VETH=m\nCONFIG_USER_NS=y\n# CONFIG_X is not set\nCONFIG_HZ=100\n'
    expect([...parseKernelConfig(text)]).toEqual(['VETH', 'USER_NS'])
    fc.assert(fc.property(fc.string(), (any) => parseKernelConfig(any).size >= 0))
  })

  it('tells required from missing, and a loaded module', () => {
    const sections = evaluate(new Set(['USER_NS', 'VETH', 'MACVLAN']), live)
    const line = (text: string): unknown => sections.flatMap(({ lines }) => lines).find((other) => other.text === text)
    expect(sections.map(({ title }) => title)).toEqual(['Namespaces', 'Control groups', 'Misc', 'Checkpoint/Restore', 'Used by tlxc'])
    expect(line('Namespaces')).toEqual({ text: 'Namespaces', status: 'required', loaded: null })
    expect(line('Utsname namespace')).toMatchObject({ status: 'missing' })
    expect(line('User namespace')).toMatchObject({ status: 'enabled' })
    expect(line('Veth pair device')).toMatchObject({ status: 'enabled', loaded: true })
    expect(line('Macvlan')).toMatchObject({ status: 'enabled', loaded: false })
    expect(line('Warning: newgidmap is not setuid-root')).toMatchObject({ status: null })
    expect(line('Warning: user.max_user_namespaces is 0, no user namespace can be made')).toBeDefined()
    expect(line('Cgroup v1 systemd controller')).toMatchObject({ status: 'missing' })
    expect(line('Cgroup v1 freezer controller')).toBeUndefined()
  })

  it('knows no configuration: an error with a mend', () => {
    const none = { ...fs, existsSync: () => false }
    expect(() => checkKernel(none, undefined, '/bin')).toThrow(expect.objectContaining({ code: 'KERNEL' }))
  })

  it.runIf(fs.existsSync('/proc/config.gz'))('reads this kernel', () => {
    const { configFile, sections } = checkKernel(fs, undefined, '/usr/bin:/bin')
    expect(configFile).toBe('/proc/config.gz')
    expect(sections[0]?.lines[0]).toEqual({ text: 'Namespaces', status: 'enabled', loaded: null })
  })
})
