/** HostFacts of this machine. Every group is read on first use and kept: hot commands ask for none, a start for a few. */
import * as fs from 'node:fs'
import * as os from 'node:os'
import type { HostCgroup, HostFacts, HostInterface, SubidRange } from '../launch/host-facts.ts'
import { cgroupLayout, parseCgroups } from './parse-cgroups.ts'
import { parseKernelRelease } from './parse-proc.ts'
import { nameOfUser, parseSubid } from './users.ts'

/** root: directory that is taken for /etc; /proc and /sys are always the kernel's. */
export function readFacts(root = ''): HostFacts {
  const cgroups = once(readCgroups)
  const interfaces = once(readInterfaces)
  const uid = process.geteuid?.() ?? 0
  const subids = once(() => readSubids(root, uid))
  const apparmor = once(() => read('/sys/module/apparmor/parameters/enabled').startsWith('Y'))
  return {
    kernel: parseKernelRelease(os.release()),
    machine: os.machine(),
    uid,
    gid: process.getegid?.() ?? 0,
    get cgroups(): readonly HostCgroup[] {
      return cgroups()
    },
    get cgroupLayout(): HostFacts['cgroupLayout'] {
      return cgroupLayout(cgroups())
    },
    get cgroupNamespaces(): boolean {
      return fs.existsSync('/proc/self/ns/cgroup')
    },
    get userNamespaces(): boolean {
      return fs.existsSync('/proc/self/ns/user') && read('/proc/sys/user/max_user_namespaces').trim() !== '0'
    },
    get timeNamespaces(): boolean {
      return fs.existsSync('/proc/self/ns/time')
    },
    get apparmor(): boolean {
      return apparmor()
    },
    get apparmorParser(): boolean {
      return ['/sbin', '/usr/sbin', '/usr/bin'].some((directory) => fs.existsSync(`${directory}/apparmor_parser`))
    },
    get selinux(): boolean {
      return fs.existsSync('/sys/fs/selinux/enforce')
    },
    get seccompConfined(): boolean {
      return /^Seccomp:\s*[12]$/m.test(read('/proc/self/status'))
    },
    get seccomp(): boolean {
      return fs.existsSync('/proc/sys/kernel/seccomp')
    },
    get subuid(): readonly SubidRange[] {
      return subids().subuid
    },
    get subgid(): readonly SubidRange[] {
      return subids().subgid
    },
    get interfaces(): Readonly<Record<string, HostInterface>> {
      return interfaces()
    },
    get lastCapability(): number {
      return Number(read('/proc/sys/kernel/cap_last_cap')) || 40
    },
    get kernelFiles(): readonly string[] {
      return KERNEL_FILES.filter((path) => fs.existsSync(`/${path}`))
    },
  }
}

/** Looked up one by one: to list /proc takes longer the more processes there are. */
const KERNEL_FILES: readonly string[] = ['kcore', 'keys', 'latency_stats', 'sched_debug', 'scsi', 'sysrq-trigger', 'timer_list', 'timer_stats'].map(
  (name) => `proc/${name}`,
)

function readCgroups(): HostCgroup[] {
  const controllersOf = (mount: string): string => read(`${mount}/cgroup.controllers`)
  return parseCgroups(read('/proc/self/mountinfo'), read('/proc/self/cgroup'), read('/proc/1/cgroup'), controllersOf)
}

function readSubids(root: string, uid: number): { subuid: SubidRange[]; subgid: SubidRange[] } {
  const user = uid === 0 ? 'root' : (nameOfUser(read(`${root}/etc/passwd`), uid) ?? String(uid))
  return { subuid: parseSubid(read(`${root}/etc/subuid`), user, uid), subgid: parseSubid(read(`${root}/etc/subgid`), user, uid) }
}

function readInterfaces(): Record<string, HostInterface> {
  const addresses = os.networkInterfaces()
  const found: Record<string, HostInterface> = {}
  for (const name of list('/sys/class/net')) {
    const own = addresses[name] ?? []
    found[name] = {
      bridge: fs.existsSync(`/sys/class/net/${name}/bridge`),
      ipv4: own.filter((entry) => entry.family === 'IPv4').map((entry) => entry.address),
      ipv6: own.filter((entry) => entry.family === 'IPv6').map((entry) => entry.address),
    }
  }
  return found
}

function list(path: string): string[] {
  try {
    return fs.readdirSync(path)
  } catch {
    return []
  }
}

function read(path: string): string {
  try {
    return fs.readFileSync(path, 'utf8')
  } catch {
    return ''
  }
}

function once<T>(compute: () => T): () => T {
  let kept: { value: T } | null = null
  return () => (kept ??= { value: compute() }).value
}
