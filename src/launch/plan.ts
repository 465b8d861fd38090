/** The launch plan: each topic's part put together. What cannot work on this machine is refused here, before anything is made. */
import { eventsDir, runDir } from '../host/paths.ts'
import { LOG_LEVEL_VALUES, PROTOCOL_VERSION, type Log, type Plan } from '../protocol/generated.ts'
import { planApparmor, type ApparmorProfile } from './apparmor.ts'
import { keepsCapability, planBounding } from './capabilities.ts'
import { planCgroup } from './cgroups.ts'
import { planConsole, planDev, planTty } from './dev.ts'
import { hookEnvironment } from './environment.ts'
import { planHooks } from './hooks.ts'
import { planIdmap } from './idmap.ts'
import { planInit, planSignals } from './init.ts'
import { Warnings, type LaunchInput } from './input.ts'
import { planAuto } from './mount-auto.ts'
import { planEntries, planRootfs } from './mounts.ts'
import { planNamespaces } from './namespaces.ts'
import { planNetwork } from './network.ts'
import { planSecurity } from './security.ts'

export interface Planned {
  plan: Plan
  /** For people; the start goes on. */
  warnings: readonly string[]
  /** Profile that must be loaded before the monitor starts, if any. */
  apparmor?: ApparmorProfile
}

const SIGKILL = 9

/** Throws TlxcError (CONFIG, IDMAP, KERNEL, NETWORK, UNSUPPORTED, USAGE) with the mend as hint. */
export function planLaunch(input: LaunchInput): Planned {
  const { config, facts, options, paths, name, lxcpath } = input
  const warnings = new Warnings()
  const namespaces = planNamespaces(input)
  const bounding = planBounding(config, facts.lastCapability, warnings)
  const context = { rootfsMount: config.rootfsMount ?? paths.rootfsMount, clone: namespaces.clone, warnings }
  const netAdmin = keepsCapability(bounding, 'net_admin')
  const auto = planAuto(config, { clone: namespaces.clone, netAdmin, kernelFiles: facts.kernelFiles })
  const log = planLog(input)
  const console = planConsole(input)
  const apparmor = planApparmor(input, warnings)
  warnSysctls(input, namespaces.clone.includes('net'), warnings)
  const plan: Plan = {
    version: PROTOCOL_VERSION,
    name,
    lxcpath,
    run_dir: runDir(paths, lxcpath, name),
    events_dir: eventsDir(paths, lxcpath),
    stage: `${paths.libexec}/stage`,
    foreground: options.foreground,
    pidfile: options.pidfile,
    log,
    monitor_unshare: config.monitorUnshare ?? false,
    pdeath_signal: config.monitorPdeathSignal ?? SIGKILL,
    namespaces,
    idmap: planIdmap(config, namespaces.clone.includes('user'), warnings),
    // Without a uts namespace of its own it would rename the host.
    hostname: namespaces.clone.includes('uts') ? config.utsName : undefined,
    personality: config.personality ?? 'none',
    rootfs: planRootfs(input, context),
    mounts: [...auto.mounts, ...planEntries(input, context)],
    dev: planDev(input),
    tty: planTty(input),
    console,
    cgroup: planCgroup(input, auto.cgroup, warnings),
    network: planNetwork(input, namespaces, warnings),
    security: planSecurity(input, bounding, apparmor?.name, warnings),
    rlimits: config.prlimit.map(({ resource, soft, hard }) => ({ resource, soft, hard })),
    sysctls: config.sysctl.map(({ key, value }) => ({ key, value })),
    proc: config.proc.map(({ key, value }) => ({ key, value })),
    init: planInit(input),
    signals: planSignals(input),
    hooks: planHooks(input),
    hook_env: hookEnvironment(input, {
      rootfsMount: context.rootfsMount,
      logLevel: log.level,
      ...(typeof console.path === 'string' ? { console: console.path } : {}),
      ...(typeof console.logfile === 'string' ? { consoleLog: console.logfile } : {}),
    }),
    hook_version: config.hookVersion ?? 0,
    after_stop: afterStop(input),
  }
  return { plan, warnings: warnings.list, ...(apparmor === undefined ? {} : { apparmor }) }
}

function planLog({ config, options }: LaunchInput): Log {
  return {
    file: options.logFile ?? config.logFile,
    level: options.logLevel ?? LOG_LEVEL_VALUES[config.logLevel ?? -1] ?? 'ERROR',
    syslog: config.logSyslog,
  }
}

/** An ephemeral container is destroyed by the command that people would use. */
function afterStop({ name, lxcpath, config, paths, made }: LaunchInput): string[] {
  if (config.ephemeral !== true) return []
  const command = `${paths.libexec.replace(/\/libexec\/tlxc$/, '')}/bin/tlxc-destroy`
  // The monitor's environment is bare, and with another root the lock would be another one.
  const root = paths.root === '/' ? [] : ['/usr/bin/env', `TLXC_ROOT=${paths.root}`]
  // Nobody wants what was made to vanish back.
  // It runs some time after the stop was told: by then the name may be another one's.
  const only = made === undefined ? [] : [`--made=${made}`]
  return [...root, command, '--purge', '-s', ...only, '-P', lxcpath, '-n', name]
}

function warnSysctls({ config }: LaunchInput, ownNetwork: boolean, warnings: Warnings): void {
  if (ownNetwork) return
  for (const { key, where } of config.sysctl) {
    if (key.startsWith('net.')) warnings.add(`lxc.sysctl.${key} changes a network that the container shares`, where)
  }
}
