/** What the planner knows about the machine, as plain data; collected by host/facts.ts, written by hand in tests. */
import type { CgroupHierarchy } from '../protocol/generated.ts'

export interface SubidRange {
  start: number
  count: number
}

export interface HostFacts {
  /** [6, 18] for 6.18.44 */
  kernel: readonly [number, number]
  /** uname -m */
  machine: string
  uid: number
  gid: number
  /** All mounted hierarchies. */
  cgroups: readonly HostCgroup[]
  /** none: no cgroup hierarchy is mounted */
  cgroupLayout: 'v1' | 'hybrid' | 'v2' | 'none'
  cgroupNamespaces: boolean
  userNamespaces: boolean
  timeNamespaces: boolean
  apparmor: boolean
  /** apparmor_parser(8), without which no profile can be generated; absent means there. */
  apparmorParser?: boolean
  selinux: boolean
  seccomp: boolean
  /** A filter is in force for this process already, as inside of a container; absent means none. */
  seccompConfined?: boolean
  /** Allotments of root (or of the caller) in /etc/subuid and /etc/subgid. */
  subuid: readonly SubidRange[]
  subgid: readonly SubidRange[]
  /** Interface name → its addresses and whether it is a bridge. */
  interfaces: Readonly<Record<string, HostInterface>>
  /** Last capability number the kernel knows: /proc/sys/kernel/cap_last_cap */
  lastCapability: number
  /** Which of the files that say or do too much this kernel has, e.g. "proc/kcore". */
  kernelFiles: readonly string[]
}

export interface HostInterface {
  bridge: boolean
  ipv4: readonly string[]
  ipv6: readonly string[]
}

/** base: cgroup of this process. Root's containers leave it unless lxc.cgroup.relative = 1, as with LXC. */
export interface HostCgroup extends CgroupHierarchy {
  /** Cgroup of PID 1, without systemd's init.scope. */
  initBase: string
}
