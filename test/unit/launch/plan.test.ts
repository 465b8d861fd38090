import { describe, expect, it } from 'vitest'
import { makePaths } from '../../../src/host/paths.ts'
import { planLaunch } from '../../../src/launch/plan.ts'
import type { Plan } from '../../../src/protocol/generated.ts'
import { factsOf, inputOf } from '../../helpers/launch.ts'

type Changes = Parameters<typeof inputOf>[1]

const ROOT = 'lxc.rootfs.path = dir:/var/lib/tlxc/c1/rootfs\n'
const IDMAP = 'lxc.idmap = u 0 100000 65536\nlxc.idmap = g 0 100000 65536\n'
const plan = (text: string, changes?: Changes): Plan => planLaunch(inputOf(ROOT + text, changes)).plan
const warnings = (text: string, changes?: Changes): readonly string[] => planLaunch(inputOf(ROOT + text, changes)).warnings
const refusal = (text: string, changes?: Changes): { code: string; message: string; hint: string | undefined } => {
  try {
    planLaunch(inputOf(ROOT + text, changes))
  } catch (error) {
    return error as { code: string; message: string; hint: string | undefined }
  }
  throw new Error('it was not refused')
}

describe('namespaces', () => {
  it('makes all but user, net of the host and time', () => {
    expect(plan('').namespaces).toMatchObject({ clone: ['mnt', 'pid', 'uts', 'ipc', 'net', 'cgroup'], share: [] })
    expect(plan('lxc.net.0.type = none').namespaces.clone).not.toContain('net')
    expect(plan(IDMAP).namespaces.clone).toContain('user')
    expect(plan('lxc.namespace.keep = ipc uts').namespaces.clone).toEqual(['mnt', 'pid', 'net', 'cgroup'])
    expect(plan('lxc.namespace.clone = pid').namespaces.clone).toEqual(['mnt', 'pid'])
  })

  it('never renames the host', () => {
    expect(plan('lxc.uts.name = x\nlxc.namespace.keep = uts').hostname).toBeUndefined()
    expect(plan('lxc.uts.name = x', { options: { share: [{ kind: 'uts', target: '/proc/9/ns/uts' }] } }).hostname).toBeUndefined()
  })

  it('shares by pid, and the option goes over the key', () => {
    expect(plan('lxc.namespace.share.net = 4711').namespaces).toMatchObject({ share: [{ kind: 'net', path: '/proc/4711/ns/net' }] })
    const option = { options: { share: [{ kind: 'net', target: '/proc/1/fd/3' } as const] } }
    expect(plan('lxc.namespace.share.net = other', option).namespaces.share).toEqual([{ kind: 'net', path: '/proc/1/fd/3' }])
    expect(refusal('lxc.namespace.share.net = other')).toMatchObject({ code: 'CONFIG', hint: 'start "other" first' })
    expect(refusal('lxc.namespace.share.user = 4711')).toMatchObject({ code: 'UNSUPPORTED', message: expect.stringContaining('share.user') })
  })

  it.each([
    ['lxc.namespace.keep = mnt', {}, 'UNSUPPORTED'],
    ['lxc.namespace.clone = user', {}, 'CONFIG'],
    [`${IDMAP}lxc.namespace.keep = user`, {}, 'CONFIG'],
    [IDMAP, { facts: factsOf('hybrid', { userNamespaces: false }) }, 'KERNEL'],
    ['lxc.time.offset.boot = 1s', { facts: factsOf('hybrid', { timeNamespaces: false }) }, 'KERNEL'],
    ['', { facts: factsOf('hybrid', { cgroups: [], cgroupLayout: 'none' }) }, 'KERNEL'],
  ] as const)('refuses %j', (text, changes, code) => {
    expect(refusal(text, changes)).toMatchObject({ code, hint: expect.any(String) })
  })
})

describe('id maps', () => {
  it.each([
    'lxc.idmap = u 0 100000 65536',
    `${IDMAP}lxc.idmap = u 100 500000 10`,
    `${IDMAP}lxc.idmap = g 70000 100005 10`,
  ])('refuses %j', (text) => {
    expect(refusal(text).code).toBe('IDMAP')
  })

  it('warns when nothing is root', () => {
    expect(warnings('lxc.idmap = u 1 100001 10\nlxc.idmap = g 0 100000 10')).toEqual([expect.stringContaining('maps no uid 0')])
  })
})

describe('mounts', () => {
  const entry = (line: string, changes?: Changes): Plan['mounts'][number] | undefined => plan(`lxc.mount.entry = ${line}`, changes).mounts[0]

  it('keeps /proc/sys/net read-only without CAP_NET_ADMIN', () => {
    const targets = (text: string): string[] => plan(`lxc.mount.auto = proc\n${text}`).mounts.map(({ target }) => target)
    expect(targets('')).toContain('proc/sys/net')
    expect(targets('lxc.cap.drop = net_admin')).not.toContain('proc/sys/net')
    expect(targets('lxc.cap.drop = net_admin')).toContain('proc/sys')
  })

  it('masks what the kernel has, and nothing with proc:rw', () => {
    const sources = (text: string): string[] => plan(text).mounts.filter(({ source }) => source === '/dev/null').map(({ target }) => target)
    expect(sources('lxc.mount.auto = proc')).toEqual(['proc/kcore', 'proc/timer_list', 'proc/keys'])
    expect(sources(`${IDMAP}lxc.mount.auto = proc`)).toEqual(['proc/kcore', 'proc/timer_list'])
    expect(sources('lxc.mount.auto = proc:rw')).toEqual([])
  })

  it('shows the sysfs of the host when the network is not the container’s own', () => {
    expect(plan(`${IDMAP}lxc.net.0.type = none\nlxc.mount.auto = sys`).mounts).toMatchObject([{ source: '/sys', from: 'host', attrs: expect.arrayContaining(['rdonly']) }])
  })

  it('skips cgroup mounts in a cgroup namespace unless forced', () => {
    expect(plan('lxc.mount.auto = cgroup').cgroup.mount).toBe('none')
    expect(plan('lxc.mount.auto = cgroup:ro:force').cgroup.mount).toBe('ro')
    expect(plan('lxc.mount.auto = cgroup-full', { facts: factsOf('v1', { cgroupNamespaces: false }) }).cgroup).toMatchObject({ mount: 'mixed', mount_full: true })
    expect(plan('lxc.mount.auto = cgroup2:force').cgroup).toMatchObject({ mount: 'rw', mount_unified: true })
  })

  it('takes targets below the rootfs, however spelled', () => {
    for (const target of ['mnt/x', './mnt//x', '/var/lib/tlxc/c1/rootfs/mnt/x', '/usr/lib/tlxc/rootfs/mnt/x']) {
      expect(entry(`/src ${target} none bind`)?.target).toBe('mnt/x')
    }
    expect(warnings('lxc.mount.entry = /src /elsewhere none bind')).toEqual([expect.stringContaining('config:2: the mount target "/elsewhere" is not below the rootfs, ignoring')])
    expect(refusal('lxc.mount.entry = /src a/../../b none bind').code).toBe('CONFIG')
  })

  it('knows who can reach the source', () => {
    expect(entry('/src x none bind')).toMatchObject({ from: 'host', bind: 'bind', source: '/src' })
    expect(entry('src x none bind')).toMatchObject({ from: 'host', source: '/src' })
    expect(entry('/src x none bind,relative')).toMatchObject({ from: 'root', source: 'src' })
    expect(entry('none x tmpfs size=1m')).toMatchObject({ from: 'container', type: 'tmpfs', options: [{ key: 'size', value: '1m' }] })
    expect(entry('/dev/vdb1 x ext4 ro')).toMatchObject({ from: 'host', bind: 'none', attrs: ['rdonly', 'sb_rdonly'] })
    expect(entry('none x none remount,bind,ro')).toMatchObject({ remount: true, bind: 'bind' })
    expect(entry('/a x none move')).toMatchObject({ move: true, from: 'root', source: 'a' })
    expect(entry('none x none rshared')).toMatchObject({ remount: true, bind: 'bind', propagation: ['rshared'] })
    expect(refusal('lxc.mount.entry = /src x none ro').hint).toContain('bind')
  })

  it('maps ids only where that means something', () => {
    expect(entry(`/src x none bind,idmap=container\n${IDMAP}`)?.idmap).toBe('container')
    expect(entry('/src x none bind,idmap=container')?.idmap).toBeUndefined()
    expect(refusal(`${IDMAP}lxc.mount.entry = /src x none bind,idmap=container`, { facts: factsOf('hybrid', { kernel: [5, 10] }) }).code).toBe('KERNEL')
    expect(refusal(`${IDMAP}lxc.rootfs.options = idmap=container`, { facts: factsOf('hybrid', { kernel: [5, 11] }) }).code).toBe('KERNEL')
  })

  it('refuses shared mount tunnels', () => {
    expect(refusal('lxc.mount.auto = shmounts:/srv/shared')).toMatchObject({ code: 'UNSUPPORTED', hint: expect.stringContaining('rslave') })
  })
})

describe('network', () => {
  it.each([
    ['lxc.net.0.type = veth\nlxc.net.0.link = nobr0', 'bridge "nobr0" does not exist'],
    ['lxc.net.0.type = macvlan\nlxc.net.0.link = eth9', 'interface "eth9" does not exist'],
    ['lxc.net.0.type = macvlan', 'type macvlan needs a link'],
    ['lxc.net.0.type = vlan\nlxc.net.0.link = eth0', 'vlan.id'],
    ['lxc.net.0.type = veth\nlxc.net.0.ipv4.gateway = auto', 'needs a link'],
  ])('refuses %j with a mend', (text, reason) => {
    expect(refusal(text)).toMatchObject({ code: 'NETWORK', message: expect.stringContaining(reason), hint: expect.any(String) })
  })

  it('gives veth and macvlan an address of LXC’s range, and fills in wildcards', () => {
    const [device] = plan('lxc.net.0.type = veth\nlxc.net.0.link = tlxcbr0').network
    expect(device).toMatchObject({ hwaddr: '10:66:6a:88:88:88', mode: 'bridge', up: false })
    expect(plan('lxc.net.0.type = ipvlan\nlxc.net.0.link = eth0').network[0]).toMatchObject({ hwaddr: undefined, mode: 'l3', isolation: 'bridge' })
  })

  it('orders by index, and ignores none beside others', () => {
    const text = 'lxc.net.9.type = empty\nlxc.net.2.type = empty\nlxc.net.5.type = none'
    expect(plan(text).network.map(({ index }) => index)).toEqual([2, 9])
  })

  it('warns of devices that nobody will see', () => {
    expect(warnings('lxc.net.0.type = empty\nlxc.namespace.keep = net')).toEqual([expect.stringContaining('ignored')])
  })
})

describe('security', () => {
  it('drops and keeps capabilities', () => {
    expect(plan('').security.bounding).toBeUndefined()
    expect(plan('lxc.cap.keep = none').security.bounding).toEqual([])
    expect(plan('lxc.cap.keep = kill chown').security.bounding).toEqual(['chown', 'kill'])
    expect(plan('lxc.cap.drop = kill').security.bounding).toHaveLength(40)
    expect(plan('lxc.cap.drop = kill', { facts: factsOf('hybrid', { lastCapability: 36 }) }).security.bounding).toHaveLength(36)
  })

  it('leaves AppArmor alone where there is none, else generates a profile', () => {
    expect(planLaunch(inputOf(`${ROOT}lxc.apparmor.profile = generated`)).apparmor).toBeUndefined()
    const facts = factsOf('v2', { apparmor: true })
    const { plan: confined, apparmor } = planLaunch(inputOf(`${ROOT}lxc.apparmor.raw = deny /x r,`, { facts }))
    expect(confined.security.apparmor_profile).toMatch(/^tlxc-c1_[0-9a-f]{12}$/)
    expect(apparmor?.text).toContain(`profile "${apparmor?.name}" flags=`)
    expect(apparmor?.text).toContain('deny /x r,')
    expect(planLaunch(inputOf(`${ROOT}lxc.apparmor.profile = unchanged`, { facts })).plan.security.apparmor_profile).toBeUndefined()
    expect(planLaunch(inputOf(`${ROOT}lxc.apparmor.profile = unconfined`, { facts })).apparmor).toEqual({ name: 'unconfined' })
  })

  it('lets systemd of a privileged container move mounts, but none out of /proc and /sys', () => {
    const profile = (text: string): string => planLaunch(inputOf(ROOT + text, { facts: factsOf('v2', { apparmor: true }) })).apparmor?.text ?? ''
    expect(profile('')).toContain('\n  mount options=(rw, move) {,/{[^sp],s[^y],p[^r]}**} -> /{,**},\n')
    expect(profile('')).not.toContain('\n  mount,\n')
    expect(profile('')).toMatch(/^abi <abi\/3.0>,\n/)
    expect(profile('lxc.idmap = u 0 100000 65536\nlxc.idmap = g 0 100000 65536\n')).toContain('\n  mount,\n')
  })

  it('drops rules of architectures that cannot run', () => {
    const seccomp = { text: '2\ndenylist\n[x86]\nvm86\n[arm64]\nsetns\n[all]\nread', file: 'p' }
    const rules = plan('lxc.seccomp.profile = p', { seccomp }).security.seccomp?.rules
    expect(rules?.map(({ syscall }) => syscall)).toEqual(['vm86', 'read'])
    expect(refusal('lxc.seccomp.profile = p', { seccomp, facts: factsOf('hybrid', { seccomp: false }) }).code).toBe('KERNEL')
    const confined = { seccomp, facts: factsOf('hybrid', { seccompConfined: true }) }
    expect(plan('lxc.seccomp.profile = p', confined).security.seccomp).toBeUndefined()
    expect(plan('lxc.seccomp.profile = p\nlxc.seccomp.allow_nesting = 1', confined).security.seccomp?.rules).toEqual(rules)
  })
})

describe('init and hooks', () => {
  it('gives init LXC’s environment', () => {
    expect(plan('lxc.environment = A=1\nlxc.environment = A=2=3\nlxc.environment = HOME').init.env.filter((entry) => !entry.startsWith('PATH='))).toEqual([
      'container=lxc',
      'A=2=3',
      'HOME=/root',
    ])
    expect(refusal('lxc.environment = NOT_SET')).toMatchObject({ code: 'CONFIG', message: expect.stringContaining('config:2') })
  })

  it('runs a plain hook without a shell, any other as LXC does', () => {
    const argv = (text: string): (string[] | undefined)[] => plan(text).hooks.map((hook) => hook.argv)
    expect(argv('lxc.hook.start-host = /x/y  z')).toEqual([['/x/y', 'z', 'c1', 'lxc', 'start-host']])
    expect(argv('lxc.hook.start = y > "$F"')).toEqual([['/bin/sh', '-c', 'exec y > "$F" "$@"', 'tlxc-hook', 'c1', 'lxc', 'start']])
    expect(argv('lxc.hook.version = 1\nlxc.hook.start = /x')).toEqual([['/x']])
    expect(plan('lxc.hook.post-stop = /b\nlxc.hook.pre-start = /a\nlxc.hook.clone = /c').hooks.map(({ type }) => type)).toEqual(['pre-start', 'post-stop'])
  })

  it('executes lxc.execute.cmd when no command is given', () => {
    expect(plan('lxc.execute.cmd = "a b" c', { options: { execute: true } }).init.argv).toEqual(['a b', 'c'])
    expect(refusal('', { options: { execute: true } }).code).toBe('USAGE')
    expect(plan('lxc.init.cmd = /bin/x').init.argv).toEqual(['/bin/x'])
  })

  it('destroys an ephemeral container by its own command', () => {
    expect(plan('lxc.ephemeral = 1').after_stop).toEqual(['/usr/bin/tlxc-destroy', '--purge', '-s', '-P', '/var/lib/tlxc', '-n', 'c1'])
    const paths = makePaths('/usr', '/srv/test')
    expect(plan('lxc.ephemeral = 1', { paths }).after_stop.slice(0, 3)).toEqual(['/usr/bin/env', 'TLXC_ROOT=/srv/test', '/usr/bin/tlxc-destroy'])
  })
})

describe('cgroups', () => {
  it('puts root’s containers beside PID 1, others and relative ones below the caller', () => {
    const base = (text: string, changes?: Changes): string | undefined => plan(text, changes).cgroup.hierarchies[0]?.base
    expect(base('')).toBe('/')
    expect(base('lxc.cgroup.relative = 1')).toBe('/shell')
    expect(base('', { facts: factsOf('hybrid', { uid: 1000 }) })).toBe('/shell')
  })

  it('names the cgroups by the keys or the pattern of the system', () => {
    const names = (text: string, changes?: Changes): string[] => [plan(text, changes).cgroup.payload, plan(text, changes).cgroup.monitor]
    expect(names('')).toEqual(['tlxc.payload.c1', 'tlxc.monitor.c1'])
    expect(names('lxc.cgroup.dir = a/b')).toEqual(['a/b/tlxc.payload.c1', 'a/b/tlxc.monitor.c1'])
    expect(names('', { system: { cgroupPattern: 'box/%n' } })).toEqual(['box/c1', 'box/tlxc.monitor.c1'])
    expect(refusal('lxc.cgroup.dir.container = a').code).toBe('CONFIG')
  })

  it('uses only the hierarchies of lxc.cgroup.use, and v2', () => {
    const used = plan('', { system: { cgroupUse: ['memory', 'freezer'] } }).cgroup.hierarchies
    expect(used.map(({ controllers }) => controllers)).toEqual([['memory'], ['freezer'], []])
  })

  it('refuses a limit whose controller is not there', () => {
    expect(refusal('lxc.cgroup.blkio.weight = 5')).toMatchObject({ code: 'KERNEL', message: expect.stringContaining('blkio controller is not mounted') })
  })

  it('takes the half of a configuration that fits the machine', () => {
    const text = 'lxc.cgroup.memory.limit_in_bytes = 1M\nlxc.cgroup2.memory.max = 1M\nlxc.cgroup2.devices.allow = a\nlxc.cgroup.devices.deny = a'
    expect(plan(text).cgroup).toMatchObject({ limits: [{ version: 1 }], devices: [{ version: 1, allow: false, rule: 'a' }] })
    expect(plan(text, { facts: factsOf('v2') }).cgroup).toMatchObject({ limits: [{ version: 2 }], devices: [{ version: 2, allow: true }] })
    expect(warnings(text)).toEqual([])
  })
})

describe('AppArmor without its parser', () => {
  const facts = factsOf('v2', { apparmor: true, apparmorParser: false })

  it('warns when nobody asked for a profile, and leaves an explicit wish to the loader', () => {
    expect(planLaunch(inputOf(ROOT, { facts }))).toMatchObject({ warnings: [expect.stringContaining('apparmor_parser')], plan: { security: { apparmor_profile: undefined } } })
    expect(planLaunch(inputOf(`${ROOT}lxc.apparmor.profile = generated`, { facts })).apparmor?.text).toBeDefined()
  })
})

describe('without a rootfs', () => {
  it.each([
    ['', {}],
    ['lxc.init.cmd = /lib/systemd/systemd --unit=x', {}],
    ['', { options: { execute: true, command: ['init'] } }],
  ] as const)('never boots the host a second time: %j', (text, changes) => {
    expect(() => planLaunch(inputOf(text, changes))).toThrow(expect.objectContaining({ code: 'CONFIG', message: expect.stringContaining('no root filesystem') }))
  })

  it('runs a command', () => {
    expect(planLaunch(inputOf('lxc.init.cmd = /bin/sleep 1')).plan.init.argv).toEqual(['/bin/sleep', '1'])
  })
})
