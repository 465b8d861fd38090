import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { formatDiagnostic, loadConfig } from '../../../src/config/load.ts'
import { KEYS } from '../../../src/config/schema.ts'
import type { ContainerConfig } from '../../../src/config/types.ts'
import { corpus, diskReader, filesReader, noFiles } from './corpus.ts'

const load = (text: string): ReturnType<typeof loadConfig> => loadConfig(text, 'config', noFiles)
const errors = (text: string): string[] =>
  load(text)
    .diagnostics.filter(({ severity }) => severity === 'error')
    .map((diagnostic) => `${formatDiagnostic(diagnostic)}${diagnostic.hint === undefined ? '' : ` (${diagnostic.hint})`}`)
const value = (text: string): ContainerConfig => {
  expect(errors(text)).toEqual([])
  return load(text).value
}

describe('loadConfig', () => {
  it('takes every file of an installed LXC, includes and all', () => {
    for (const { file, text } of corpus().filter(({ file }) => /\/usr\/share\/lxc\/config\/[^/]*\.conf$/.test(file))) {
      expect(loadConfig(text, file, diskReader).diagnostics.filter(({ severity }) => severity === 'error'), file).toEqual([])
    }
  })

  it('never throws, whatever it is given', () => {
    const key = fc.oneof(fc.constantFrom(...KEYS.map(({ key }) => key.replace('.N', '.0'))), fc.string().map((text) => `lxc.${text}`))
    const line = fc.oneof(fc.tuple(key, fc.string()).map(([name, text]) => `${name} = ${text}`), fc.string())
    fc.assert(
      fc.property(fc.array(line), (lines) => {
        const { diagnostics } = load(lines.join('\n'))
        expect(diagnostics.every(({ where, reason }) => where.line >= 1 && reason !== '' && !reason.includes('\n'))).toBe(true)
      }),
      { numRuns: 500 },
    )
  })

  it('collects all errors with place, key, reason and mend', () => {
    expect(errors('lxc.utsname.x = a\nlxc.tty.max\n\nlxc.start.auto = yes\nlxc.uts.nmae = x\nlxc.prlimit.nofil = 5\ntlxc.snapshto = 1')).toEqual([
      'config:1: lxc.utsname.x: there is no such key (did you mean lxc.uts.name?)',
      'config:2: lxc.tty.max: has no "=" (write "KEY = VALUE")',
      'config:4: lxc.start.auto: "yes" is not 0 or 1 (write 1)',
      'config:5: lxc.uts.nmae: there is no such key (did you mean lxc.uts.name?)',
      'config:7: tlxc.snapshto: there is no such key',
      'config:6: lxc.prlimit.nofil: there is no resource limit "nofil" (did you mean lxc.prlimit.nofile?)',
    ])
  })

  it('says of a key that it does not act on that it does not', () => {
    expect(errors('lxc.seccomp.notify.proxy = unix:/x')).toEqual([
      'config:1: lxc.seccomp.notify.proxy: this version of tlxc does not act on lxc.seccomp.notify.proxy yet (remove the line)',
    ])
    expect(errors('lxc.seccomp.notify.proxy =')).toEqual([])
  })

  it('lets the last scalar win and keeps lists in order', () => {
    const config = value('lxc.uts.name = a\nlxc.group = x y\nlxc.uts.name = b\nlxc.group = z\nlxc.cap.drop = sys_time\nlxc.cap.drop = 16')
    expect(config).toMatchObject({ utsName: 'b', groups: ['x', 'y', 'z'], capDrop: ['sys_time', 'sys_module'] })
  })

  it('clears with an empty value', () => {
    const config = value(
      'lxc.uts.name = a\nlxc.group = x\nlxc.cap.drop = sys_time\nlxc.hook.start = a\nlxc.hook.stop = b\nlxc.hook.version = 1\n' +
        'lxc.cgroup.devices.allow = a\nlxc.cgroup.devices.deny = a\nlxc.cgroup2.memory.max = 1\nlxc.net.0.type = veth\nlxc.net.1.type = phys\n' +
        'lxc.autodev = 1\nlxc.monitor.signal.pdeath = SIGTERM\n' +
        'lxc.uts.name =\nlxc.group =\nlxc.cap.drop = ""\nlxc.hook =\nlxc.cgroup.devices.allow =\nlxc.net.0 =\nlxc.autodev =\nlxc.monitor.signal.pdeath =',
    )
    expect(config.utsName).toBeUndefined()
    expect(config).toMatchObject({ groups: [], capDrop: [], capKeep: null, hookVersion: 1, autodev: false, monitorPdeathSignal: 0 })
    expect(Object.values(config.hooks).flat()).toEqual([])
    expect(config.cgroup.map(({ file }) => file)).toEqual(['devices.deny', 'memory.max'])
    expect(config.network.map(({ index }) => index)).toEqual([1])
    expect(value('lxc.net.3.type = veth\nlxc.net.7.type = phys\nlxc.net =').network).toEqual([])
    expect(value('lxc.cgroup.a = 1\nlxc.cgroup2.b = 2\nlxc.cgroup =').cgroup.map(({ file }) => file)).toEqual(['b'])
  })

  it('lets a later automatic mount override its family', () => {
    const tokens = value('lxc.mount.auto = proc sys:ro cgroup:mixed\nlxc.mount.auto = proc:rw cgroup-full:ro:force shmounts:/a').mountAuto
    expect(tokens.map(({ token }) => token)).toEqual(['sys:ro', 'proc:rw', 'cgroup-full:ro:force', 'shmounts:/a'])
  })

  it('keeps networks sparse and sorted; the type comes first and resets what only another type has', () => {
    expect(value('lxc.net.10.type = veth\nlxc.net.2.type = phys\nlxc.net.2.link = eth0').network.map(({ index, type }) => [index, type])).toEqual([
      [2, 'phys'],
      [10, 'veth'],
    ])
    expect(errors('lxc.net.0.veth.mode = router\nlxc.net.0.type = veth')).toEqual([
      'config:1: lxc.net.0.veth.mode: needs lxc.net.0.type = veth before it',
    ])
    expect(errors('lxc.net.0.type = phys\nlxc.net.0.veth.pair = x')).toEqual([
      'config:2: lxc.net.0.veth.pair: is only for lxc.net.0.type = veth, which is phys',
    ])
    expect(value('lxc.net.0.type = veth\nlxc.net.0.veth.pair = x\nlxc.net.0.type = veth').network[0]?.vethPair).toBeUndefined()
  })

  it('warns of an interface without type and of an address without prefix', () => {
    const { value: config, diagnostics } = load('lxc.net.4.link = br0\nlxc.net.4.ipv4.address = 10.0.0.200')
    expect(config.network).toMatchObject([{ index: 4, type: 'empty', ipv4: [{ address: '10.0.0.200', prefix: 24 }] }])
    expect(diagnostics.map(({ severity, where }) => [severity, where.line])).toEqual([
      ['warning', 1],
      ['warning', 2],
    ])
  })

  it('refuses keys that exclude each other', () => {
    expect(errors('lxc.cap.keep = none\nlxc.cap.drop = sys_time')).toHaveLength(1)
    expect(errors('lxc.namespace.clone = net\nlxc.namespace.keep = pid')).toHaveLength(1)
    expect(errors('lxc.cgroup.dir = a\nlxc.cgroup.dir.monitor = b')).toHaveLength(1)
    expect(errors('lxc.cap.drop = sys_time\nlxc.cap.drop =\nlxc.cap.keep = none')).toEqual([])
  })

  it.each([
    ['lxc.cap.keep = none', []],
    ['lxc.cap.keep = sys_time\nlxc.cap.keep = none\nlxc.cap.keep = kill', ['kill']],
    ['lxc.cap.keep =', null],
    ['', null],
  ])('reads %j', (text, kept) => {
    expect(value(text).capKeep).toEqual(kept)
  })

  it.each([
    ['lxc.hook = x', 'takes no value'],
    ['lxc.net = x', 'takes no value'],
    ['lxc.net.0 = x', 'takes no value'],
    ['lxc.cgroup = x', 'takes no value'],
    ['lxc.namespace.share.foo = x', 'no namespace "foo"'],
    ['lxc.cgroup2.devices.allow = z', '"z" is not a, or'],
    ['lxc.cgroup2.a/b = z', 'not the name of a file'],
    ['lxc.proc.../status = z', 'leads out'],
    ['lxc.sysctl.a..b = z', 'no name of a kernel setting'],
    ['lxc.cap.drop = none', 'only has a meaning in lxc.cap.keep'],
    ['lxc.cap.drop = sys_tiem', 'no capability "sys_tiem"'],
    ['lxc.uts.name = a\0b', 'NUL'],
    ['lxc.rootfs.options = create=dir', 'no meaning for the root filesystem'],
    ['lxc.mount.entry = proc', 'fewer than three fields'],
    ['lxc.idmap = b 0 100000 65536', 'one with g'],
    ['lxc.idmap = u 4294967290 0 100', 'not a range of ids'],
    ['lxc.net.0.mtu = x', 'not a number'],
    ['lxc.net.0.hwaddr = 00:11', 'not a MAC address'],
    ['lxc.uts .name = a', 'no such key'],
  ])('refuses %j', (text, reason) => {
    expect(errors(text)[0]).toContain(reason)
  })
})

describe('lxc.include', () => {
  const files = {
    '/a.conf': 'lxc.uts.name = a\nlxc.include = /d/',
    '/d/2.conf': 'lxc.group = two',
    '/d/1.conf': 'lxc.group = one\nlxc.tty.max = x',
    '/self.conf': 'lxc.include = /other.conf',
    '/other.conf': 'lxc.include = /self.conf',
  }
  const include = (text: string): ReturnType<typeof loadConfig> => loadConfig(text, 'config', filesReader(files))

  it('reads files and directories where they stand, and tells where a problem is', () => {
    const { value: config, diagnostics } = include('lxc.group = zero\nlxc.include = /a.conf\nlxc.uts.name = b')
    expect(config).toMatchObject({ utsName: 'b', groups: ['zero', 'one', 'two'] })
    expect(diagnostics.map(formatDiagnostic)).toEqual(['/d/1.conf:2: lxc.tty.max: "x" is not a number, 0 or more'])
  })

  it('takes a missing directory, not a missing file', () => {
    expect(include('lxc.include = /none/').diagnostics).toEqual([])
    expect(include('\nlxc.include = /none').diagnostics.map(formatDiagnostic)).toEqual(['config:2: lxc.include: cannot read "/none"'])
    expect(include('lxc.include = none').diagnostics.map(formatDiagnostic)).toEqual(['config:1: lxc.include: "none" is not an absolute path'])
  })

  it('ends with a message when files include each other or branch without bound', () => {
    expect(include('lxc.include = /self.conf').diagnostics.map(formatDiagnostic)).toEqual([
      '/other.conf:1: lxc.include: "/self.conf" includes itself: config → /self.conf → /other.conf → /self.conf',
    ])
    const deep = { read: (path: string): string => `lxc.include = ${path}x\nlxc.include = ${path}y`, list: () => null }
    const { diagnostics } = loadConfig('lxc.include = /f', 'config', deep)
    expect(diagnostics.some(({ reason }) => reason.includes('more than 1000 files'))).toBe(true)
    expect(diagnostics.some(({ reason }) => reason.includes('files deep'))).toBe(true)
  })
})
