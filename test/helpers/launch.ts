/** Inputs of the planner for tests: the text of a configuration and one of three kinds of machine. */
import { loadConfig } from '../../src/config/load.ts'
import type { ContainerConfig } from '../../src/config/types.ts'
import { makePaths } from '../../src/host/paths.ts'
import type { HostCgroup, HostFacts } from '../../src/launch/host-facts.ts'
import type { LaunchInput, LaunchOptions } from '../../src/launch/input.ts'

export type Machine = 'hybrid' | 'v2' | 'v1'

export function configOf(text: string, files: Readonly<Record<string, string>> = {}): ContainerConfig {
  const { value, diagnostics } = loadConfig(text, 'config', { read: (path) => files[path] ?? null, list: () => null })
  const errors = diagnostics.filter(({ severity }) => severity === 'error')
  if (errors.length > 0) throw new Error(errors.map(({ where, key, reason }) => `${where.line}: ${key}: ${reason}`).join('\n'))
  return value
}

function v1(...controllers: string[]): HostCgroup {
  return { version: 1, controllers, mount: `/sys/fs/cgroup/${controllers.join(',').replace('name=', '')}`, base: '/shell', initBase: '/' }
}

const CGROUPS: Readonly<Record<Machine, HostCgroup[]>> = {
  hybrid: [
    ...['cpu', 'cpuset', 'memory', 'devices', 'freezer', 'pids', 'name=systemd'].map((name) => v1(name)),
    { version: 2, controllers: [], mount: '/sys/fs/cgroup/unified', base: '/', initBase: '/' },
  ],
  v2: [{ version: 2, controllers: ['cpuset', 'cpu', 'io', 'memory', 'pids'], mount: '/sys/fs/cgroup', base: '/user.slice/user-0.slice', initBase: '/' }],
  v1: [v1('cpuacct', 'cpu'), v1('memory'), v1('devices'), v1('freezer'), v1('name=systemd')],
}

export function factsOf(machine: Machine, changes: Partial<HostFacts> = {}): HostFacts {
  return {
    kernel: [6, 18],
    machine: 'x86_64',
    uid: 0,
    gid: 0,
    cgroups: CGROUPS[machine],
    cgroupLayout: machine,
    cgroupNamespaces: true,
    userNamespaces: true,
    timeNamespaces: true,
    apparmor: false,
    selinux: false,
    seccomp: true,
    subuid: [{ start: 100000, count: 65536 }],
    subgid: [{ start: 100000, count: 65536 }],
    interfaces: {
      lo: { bridge: false, ipv4: ['127.0.0.1'], ipv6: ['::1'] },
      eth0: { bridge: false, ipv4: ['192.0.2.7'], ipv6: ['2001:db8::7'] },
      tlxcbr0: { bridge: true, ipv4: ['10.0.4.1'], ipv6: ['fd42::1'] },
    },
    lastCapability: 40,
    kernelFiles: ['proc/kcore', 'proc/keys', 'proc/timer_list', 'proc/sysrq-trigger', 'proc/uptime'],
    ...changes,
  }
}

const OPTIONS: LaunchOptions = { foreground: false, execute: false, share: [], stdio: 'console' }

/** A container c1 of /var/lib/tlxc; random is 0.5, so that MAC addresses are all 8. */
export function inputOf(text: string, changes: Partial<Omit<LaunchInput, 'options'>> & { options?: Partial<LaunchOptions> } = {}): LaunchInput {
  const config = configOf(text)
  return {
    name: 'c1',
    lxcpath: '/var/lib/tlxc',
    paths: makePaths('/usr'),
    configFile: '/var/lib/tlxc/c1/config',
    config,
    facts: factsOf('hybrid'),
    env: { PATH: '/usr/sbin:/usr/bin:/sbin:/bin', HOME: '/root' },
    rootfs: { path: config.rootfs?.path ?? null, idmap: false },
    random: () => 0.5,
    ...changes,
    options: { ...OPTIONS, ...changes.options },
  }
}
