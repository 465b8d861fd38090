/**
 * launch/: container configuration + facts about the machine → launch plan. PURE: nothing here reads, writes or runs anything,
 * and the same input gives the same plan. This file: what planning starts from and what it hands from topic to topic.
 */
import type { ContainerConfig, Where } from '../config/types.ts'
import type { Paths } from '../host/paths.ts'
import type { InitStdio, LogLevel, Namespace, Overlay } from '../protocol/generated.ts'
import type { HostFacts } from './host-facts.ts'

export interface LaunchOptions {
  /** Stay with the caller instead of daemonizing. */
  foreground: boolean
  /** lxc-execute: the stage stays PID 1 and runs the command. */
  execute: boolean
  /** Replaces lxc.init.cmd (start) or lxc.execute.cmd (execute). */
  command?: readonly string[]
  pidfile?: string
  /** start -c, over lxc.console.path */
  consolePath?: string
  /** start -L, over lxc.console.logfile */
  consoleLog?: string
  /** Namespaces to take over, as files; those of lxc.namespace.share.* that name a container too. */
  share: readonly { kind: Namespace; target: string }[]
  /** execute -u, -g */
  uid?: number
  gid?: number
  stdio: InitStdio
  /** -o, -l: over lxc.log.file and lxc.log.level */
  logFile?: string
  logLevel?: LogLevel
}

export interface LaunchInput {
  name: string
  /** Absolute, no trailing slash. */
  lxcpath: string
  paths: Paths
  /** Which container of that name it is (container/made.ts). */
  made?: string
  /** For hooks: LXC_CONFIG_FILE. */
  configFile: string
  config: ContainerConfig
  facts: HostFacts
  options: LaunchOptions
  /** Environment of the caller: for lxc.environment = NAME, and inherited by hooks as with LXC. */
  env: Readonly<Record<string, string | undefined>>
  /** Text of lxc.mount.fstab. */
  fstab?: { text: string; file: string }
  /** Text of lxc.seccomp.profile. */
  seccomp?: { text: string; file: string }
  /** What storage mounts; path null: no rootfs, the host's root is shared. overlay: a stack, which path only names. */
  rootfs: { path: string | null; idmap: boolean; overlay?: Overlay }
  /** lxc.cgroup.pattern and lxc.cgroup.use of the system configuration. */
  system?: { cgroupPattern?: string; cgroupUse?: readonly string[] }
  /** 0 ≤ n < 1, for MAC addresses. */
  random: () => number
}

/** Collects what people should know though the start goes on; each ends with what happens instead. */
export class Warnings {
  readonly list: string[] = []

  add(message: string, where?: Where): void {
    const text = where === undefined ? message : `${at(where)}: ${message}`
    if (!this.list.includes(text)) this.list.push(text)
  }
}

/** "file:line", as in every message about a configuration. */
export function at(where: Where): string {
  return `${where.file}:${where.line}`
}
