/**
 * config/: text of a container configuration ⇄ document ⇄ typed values. PURE: includes are read through a function that is
 * handed in. Nothing here knows about plans, processes or the disk. This file: what parsing gives.
 */
import type { IdMap, Namespace, Personality } from '../protocol/generated.ts'

/** Where a value came from; line counts from 1. */
export interface Where {
  file: string
  line: number
}

/** One problem of a configuration; errors stop a load, warnings are shown. */
export interface Diagnostic {
  severity: 'error' | 'warning'
  where: Where
  /** As written in the file. */
  key: string
  /** Why, one line. */
  reason: string
  /** The mend: "did you mean lxc.uts.name?" */
  hint?: string
}

export interface MountEntry {
  source: string
  target: string
  type: string
  /** Comma-separated as written. */
  options: readonly string[]
  where: Where
}

/** A hook string as written; run as `exec STRING` by sh with LXC's arguments. */
export interface HookCommand {
  command: string
  where: Where
}

export interface NetConfig {
  /** N of lxc.net.N */
  index: number
  where: Where
  type?: 'veth' | 'macvlan' | 'ipvlan' | 'vlan' | 'phys' | 'empty' | 'none'
  up?: boolean
  link?: string
  name?: string
  hwaddr?: string
  mtu?: number
  ipv4: readonly { address: string; prefix: number; broadcast?: string }[]
  ipv6: readonly { address: string; prefix: number }[]
  /** numeric address, "auto" or "dev" */
  ipv4Gateway?: string
  ipv6Gateway?: string
  l2proxy?: boolean
  scriptUp?: string
  scriptDown?: string
  vethPair?: string
  vethMode?: 'bridge' | 'router'
  vethRoutes4: readonly string[]
  vethRoutes6: readonly string[]
  vethVlanId?: string
  vethVlanTagged: readonly number[]
  vethRxQueues?: number
  vethTxQueues?: number
  macvlanMode?: 'private' | 'vepa' | 'bridge' | 'passthru'
  ipvlanMode?: 'l3' | 'l3s' | 'l2'
  ipvlanIsolation?: 'bridge' | 'private' | 'vepa'
  vlanId?: number
}

/** Typed values of a whole configuration, includes expanded. Absent = not set (the planner has the defaults of LXC). */
export interface ContainerConfig {
  /** lxc.uts.name */ utsName?: string
  /** lxc.arch */ personality?: Personality
  /** lxc.arch as written, for clones and info */ arch?: string
  /** lxc.init.cmd, split with quotes */ initCmd?: readonly string[]
  /** lxc.execute.cmd */ executeCmd?: readonly string[]
  initCwd?: string
  initUid?: number
  initGid?: number
  initGroups?: readonly number[]
  /** lxc.signal.*: numbers */ signalHalt?: number
  signalReboot?: number
  signalStop?: number
  ephemeral?: boolean
  /** lxc.environment: NAME=VALUE or NAME (inherit) */ environment: readonly { entry: string; where: Where }[]
  environmentRuntime: readonly { entry: string; where: Where }[]
  environmentHooks: readonly { entry: string; where: Where }[]
  startAuto?: boolean
  /** seconds */ startDelay?: number
  startOrder?: number
  groups: readonly string[]
  monitorUnshare?: boolean
  /** number, 0 = none */ monitorPdeathSignal?: number
  noNewPrivs?: boolean
  schedCore?: boolean
  keyringSession?: boolean
  logFile?: string
  /** 0 TRACE … 8 FATAL */ logLevel?: number
  logSyslog?: string
  namespaceClone?: readonly Namespace[]
  namespaceKeep?: readonly Namespace[]
  namespaceShare: readonly { kind: Namespace; target: string; where: Where }[]
  /** nanoseconds */ timeOffsetBoot?: number
  timeOffsetMonotonic?: number
  idmap: readonly (IdMap & { where: Where })[]
  /** lxc.rootfs.path split */ rootfs?: { type: string; path: string; where: Where }
  rootfsMount?: string
  rootfsOptions: readonly string[]
  rootfsManaged?: boolean
  mountFstab?: string
  mountEntries: readonly MountEntry[]
  /** lxc.mount.auto tokens, later ones override the same family */
  mountAuto: readonly { token: string; where: Where }[]
  autodev?: boolean
  autodevTmpfsSize?: number
  ttyMax?: number
  ttyDir?: string
  ptyMax?: number
  /** path or "none" */ consolePath?: string
  consoleLogfile?: string
  /** bytes */ consoleSize?: number
  consoleBufferSize?: number
  consoleRotate?: boolean
  network: readonly NetConfig[]
  /** lxc.cgroup.FILE (1) and lxc.cgroup2.FILE (2), devices.* included, in order */
  cgroup: readonly { version: 1 | 2; file: string; value: string; where: Where }[]
  cgroupDir?: string
  cgroupDirContainer?: string
  cgroupDirContainerInner?: string
  cgroupDirMonitor?: string
  cgroupDirMonitorPivot?: string
  cgroupRelative?: boolean
  /** "unlimited" or a decimal number */
  prlimit: readonly { resource: string; soft: string; hard: string; where: Where }[]
  sysctl: readonly { key: string; value: string; where: Where }[]
  proc: readonly { key: string; value: string; where: Where }[]
  capDrop: readonly string[]
  /** null: not set; []: lxc.cap.keep = none */ capKeep: readonly string[] | null
  apparmorProfile?: string
  apparmorAllowIncomplete?: boolean
  apparmorAllowNesting?: boolean
  apparmorRaw: readonly string[]
  selinuxContext?: string
  selinuxContextKeyring?: string
  seccompProfile?: string
  seccompAllowNesting?: boolean
  /** lxc.hook.TYPE, in order; clone and destroy too */
  hooks: Readonly<Record<string, readonly HookCommand[]>>
  hookVersion?: 0 | 1
  /** tlxc.* keys of our own, by full key, last value wins */
  own: Readonly<Record<string, string>>
}

/** What a load gives. value is usable only when no diagnostic is an error. */
export interface LoadedConfig {
  value: ContainerConfig
  diagnostics: readonly Diagnostic[]
  /** Key → entries in order, after includes and clears: for tlxc-info -c, which prints values as LXC does. */
  entries: ReadonlyMap<string, readonly { raw: string; where: Where }[]>
}

/** How includes are read: text of a file, names of *.conf in a directory (sorted), or null when there is none. */
export interface ConfigReader {
  read(path: string): string | null
  list(path: string): readonly string[] | null
}
