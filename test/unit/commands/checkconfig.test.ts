import * as fs from 'node:fs'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { makeFakeHost, runInProcess, type FakeHost } from '../../helpers/run-program.ts'

interface Finding {
  severity: string
  message: string
  hint?: string
}

it('CONFIG of a file that is not there is an error, not another file', async () => {
  const host = makeFakeHost()
  const { exitCode, stderr } = await runInProcess(host, 'tlxc-checkconfig', [], { env: { CONFIG: '/nosuch' } })
  host.remove()
  expect([exitCode, stderr]).toEqual([1, expect.stringMatching(/there is no "\/nosuch"\n.*hint: CONFIG/) as string])
})

it('--storage with a NAME is refused: it is about all of them', async () => {
  const host = makeFakeHost()
  const { exitCode, stderr } = await runInProcess(host, 'tlxc-checkconfig', ['--storage', 'c1'])
  host.remove()
  expect([exitCode, stderr]).toEqual([1, expect.stringContaining('--storage checks all containers: it takes no NAME') as string])
})

describe('tlxc-checkconfig NAME', () => {
  let host: FakeHost
  const dir = (): string => `${host.paths.lxcpath}/c1`

  beforeEach(() => {
    host = makeFakeHost({
      facts: {
        cgroupLayout: 'v2',
        cgroups: [{ version: 2, controllers: ['memory', 'pids'], mount: '/sys/fs/cgroup', base: '/', initBase: '/' }],
        interfaces: { br7: { bridge: true, ipv4: [], ipv6: [] } },
      },
    })
    fs.mkdirSync(`${dir()}/rootfs/sbin`, { recursive: true })
    fs.mkdirSync(`${dir()}/rootfs/bin`)
    fs.writeFileSync(`${dir()}/rootfs/bin/busybox`, '')
    fs.symlinkSync('/bin/busybox', `${dir()}/rootfs/sbin/init`)
    fs.mkdirSync(`${host.root}/sys/class/net/br7`, { recursive: true })
  })
  afterEach(() => host.remove())

  async function check(config: string): Promise<{ exitCode: number; findings: Finding[] }> {
    fs.writeFileSync(`${dir()}/config`, `lxc.rootfs.path = dir:${dir()}/rootfs\n${config}`)
    const { exitCode, stdout, stderr } = await runInProcess(host, 'tlxc-checkconfig', ['c1', '--json'])
    expect(stderr).toBe('')
    return { exitCode, findings: (JSON.parse(stdout) as { findings: Finding[] }).findings }
  }

  it('finds nothing in a good one, and says so', async () => {
    expect(await check('lxc.uts.name = c1\n')).toEqual({ exitCode: 0, findings: [] })
    expect((await runInProcess(host, 'tlxc-checkconfig', ['c1'])).stdout).toBe('c1: nothing found that would keep it from starting\n')
  })

  it('takes bridge and id pool from tlxc.conf', async () => {
    fs.writeFileSync(host.paths.systemConfig, '[network]\nbridge = ownbr0\n[idmap]\nstart = 500000\ncount = 65536\n')
    const own = 'lxc.net.0.type = veth\nlxc.net.0.link = ownbr0\nlxc.idmap = u 0 500000 65536\nlxc.idmap = g 0 500000 65536\nlxc.rootfs.options = idmap=container\n'
    expect(await check(own)).toEqual({ exitCode: 0, findings: [] })
    fs.rmSync(host.paths.systemConfig)
    const { exitCode, findings } = await check(own)
    expect([exitCode, findings.map(({ severity }) => severity)]).toEqual([1, ['warning', 'warning', 'error']])
  })

  it.each<[string, string, RegExp]>([
    ['an unknown key, with a suggestion', 'lxc.uts.nam = c1\n', /config:2: lxc.uts.nam/],
    ['a bad value', 'lxc.tty.max = many\n', /config:2: lxc.tty.max/],
    ['an include that is missing', 'lxc.include = /nosuch\n', /config:2/],
    ['no root filesystem', 'lxc.rootfs.path = dir:/nosuch\n', /config:2: there is no "\/nosuch"/],
    ['storage of another kind', 'lxc.rootfs.path = zfs:tank/c1\n', /storage type zfs/],
    ['no init', 'lxc.init.cmd = /sbin/systemd --foo\n', /there is no "\/sbin\/systemd" in/],
    ['an init that is a link to nowhere', 'lxc.init.cmd = /bin/gone/init\n', /there is no "\/bin\/gone\/init"/],
    ['a bridge that is missing', 'lxc.net.0.type = veth\nlxc.net.0.link = br9\n', /config:2: there is no interface "br9"/],
    ['a seccomp profile that is missing', 'lxc.seccomp.profile = /nosuch\n', /cannot read "\/nosuch"/],
    ['an fstab that is missing', 'lxc.mount.fstab = /nosuch\n', /cannot read "\/nosuch"/],
  ])('%s: exit code 1, with the mend', async (_, config, message) => {
    const { exitCode, findings } = await check(config)
    expect(exitCode).toBe(1)
    expect(findings).toEqual([{ severity: 'error', message: expect.stringMatching(message) as string, hint: expect.stringMatching(/.{8}/) as string }])
  })

  it('ids that are not allotted: a warning for root, who may map any', async () => {
    const { exitCode, findings } = await check('lxc.idmap = u 0 700000 65536\nlxc.idmap = g 0 700000 65536\nlxc.rootfs.options = idmap=container\n')
    expect([exitCode, findings[0]]).toEqual([0, { severity: 'warning', message: expect.stringContaining('ids 700000 to 765535 are not allotted') as string, hint: expect.stringContaining('root:700000:65536') as string }])
  })

  it('an init that may come with a mount: a warning', async () => {
    const { exitCode, findings } = await check('lxc.init.cmd = /opt/init\nlxc.mount.entry = /opt opt none bind 0 0\n')
    expect([exitCode, findings.map(({ severity }) => severity)]).toEqual([0, ['warning']])
  })

  it('parents that the container’s ids cannot enter', async () => {
    fs.chmodSync(dir(), 0o700)
    const { findings } = await check('lxc.idmap = u 0 100000 65536\nlxc.idmap = g 0 100000 65536\n')
    expect(findings).toContainEqual({ severity: 'warning', message: `"${dir()}" cannot be entered by the ids of the container`, hint: expect.stringContaining(`chmod o+x ${dir()}`) as string })
  })

  it('a machine that lacks what it needs', async () => {
    host.remove()
    host = makeFakeHost({ facts: { cgroupLayout: 'none', userNamespaces: false, seccomp: false, timeNamespaces: false } })
    fs.mkdirSync(`${dir()}/rootfs/sbin`, { recursive: true })
    fs.writeFileSync(`${dir()}/rootfs/sbin/init`, '')
    fs.writeFileSync(`${host.root}/profile`, '2\ndenylist\n')
    const { findings } = await check(`lxc.idmap = u 0 100000 65536\nlxc.rootfs.options = idmap=container\nlxc.seccomp.profile = ${host.root}/profile\nlxc.time.offset.boot = 1h\n`)
    expect(findings.map(({ message, hint }) => [message.split(' ').slice(0, 5).join(' '), hint !== undefined])).toEqual([
      ['this kernel has no user', true],
      ['no cgroup hierarchy is mounted', true],
      ['this kernel has no seccomp,', true],
      ['this kernel has no time', true],
    ])
  })

  it('a container that is not there', async () => {
    expect(await runInProcess(host, 'tlxc-checkconfig', ['nosuch'])).toMatchObject({ exitCode: 1, stderr: expect.stringContaining('hint:') as string })
  })
})
