/** Starts a container: configuration and machine → plan → monitor. */
import { dirname } from 'node:path'
import type { Logger } from '../cli/command.ts'
import { errnoOf, TlxcError } from '../errors.ts'
import type { Host } from '../host/host.ts'
import { planLaunch, type Planned } from '../launch/plan.ts'
import { startMonitor, type MonitorRun } from '../monitor/start.ts'
import type { Report } from '../protocol/generated.ts'
import { readStack } from '../storage/stack.ts'
import { freshWorkdir, hideView, refuseMountsInside, showView } from '../storage/view.ts'
import { loadApparmor } from './apparmor.ts'
import { openLayers } from './layers.ts'
import { withLock } from './lock.ts'
import { isPartial } from './partial.ts'
import { makeRunDir, removeRunDir } from './run-dir.ts'
import { sharedNamespaces } from './share.ts'
import { loadStartConfig } from './start-config.ts'
import { requireLasting, startFailure } from './settle.ts'
import { launchInput } from './start-inputs.ts'
import { prepareNetwork, withManagedBridge } from './start-network.ts'
import type { StartOptions } from './start-options.ts'
import { markStarted } from './started-mark.ts'
import { containerStatus } from './state.ts'
import type { Container } from './store.ts'
import { readSystemConfig } from './system-config.ts'

/** What a start needs of its caller; a command's Context is one. */
export interface StartContext {
  readonly host: Host
  readonly env: Readonly<Record<string, string | undefined>>
  readonly log: Logger
  readonly lockTimeoutMs: number
}

export type StartResult =
  | { kind: 'already-running' }
  | { kind: 'running'; initPid: number }
  /** Foreground: it has run and ended. exitCode as a shell gives it. */
  | { kind: 'ended'; exitCode: number }

/**
 * Resolves when the container is RUNNING, in the foreground when it has ended. Whatever fails, nothing of the start stays.
 * Throws TlxcError PRIVILEGE, NOT_DEFINED, CONFIG, NETWORK, IDMAP, KERNEL, BUSY, START and those of planLaunch.
 */
export async function startContainer(ctx: StartContext, container: Container, options: StartOptions): Promise<StartResult> {
  requireRoot(ctx.host, container)
  const started = await withLock(ctx.host, container, 'start', ctx.lockTimeoutMs, async () => {
    if (await isRunning(ctx, container)) return null
    openLayers(ctx.host, container, ctx.log.warn)
    const planned = await planStart(ctx, container, options)
    const launched = await withoutView(ctx, planned, () => launch(ctx, container, planned, options))
    if (launched.report.ok) note(ctx, container, options.rcfile === undefined && planned.plan.after_stop.length > 0)
    return launched
  })
  if (started === null) return { kind: 'already-running' }
  const { report, run } = started
  if (report.code === 'already-running') return { kind: 'already-running' }
  if (!options.foreground) return { kind: 'running', initPid: report.init_pid ?? 0 }
  const { exitCode } = await run
  // As lxc-start -F: the status of init is nobody's business, that of a command is.
  return { kind: 'ended', exitCode: options.execute ? (exitCode ?? 1) : 0 }
}

/** It runs, whatever becomes of the mark. */
function note({ host, log }: StartContext, container: Container, ephemeral: boolean): void {
  try {
    markStarted(host, container, ephemeral)
  } catch (error) {
    if (errnoOf(error) === undefined && !(error instanceof TlxcError)) throw error
    log.warn(`${container.name}: it will stay should its monitor be killed: ${error instanceof Error ? error.message : ''}`)
  }
}

/** One superblock for one upper: the view goes before the monitor mounts the same layers, and is back when that fails. */
async function withoutView<T>({ host, log }: StartContext, { plan }: Planned, fn: () => Promise<T>): Promise<T> {
  const { overlay } = plan.rootfs
  if (!overlay?.view) return await fn()
  const { pool, view } = overlay
  const directory = dirname(view)
  try {
    refuseMountsInside(host, view)
    const fresh = freshWorkdir(host, pool, overlay.upper)
    // The monitor takes the view away itself, which saves a program at each start; but not from mounts of its own it does.
    if (plan.monitor_unshare || fresh.length > 0) await hideView(host, { pool, directory, stack: overlay }, ...fresh)
    return await fn()
  } catch (error) {
    const stack = readStack(host, directory)
    if (stack !== null) await showView(host, { pool, directory, stack }).catch((reason: unknown) => log.info(String(reason)))
    throw error
  }
}

/** touch: false makes nothing at all, not even the managed bridge. */
export async function planStart(ctx: StartContext, container: Container, options: StartOptions, { touch = true } = {}): Promise<Planned> {
  const { host, env, log } = ctx
  requireWhole(host, container)
  const { config: written, file, warnings } = loadStartConfig(host, container, options)
  const system = readSystemConfig(host)
  const config = await prepareNetwork(host, written, system.network, { notice: log.warn, touch })
  // Not before the bridge is up.
  const facts = touch ? host.facts() : withManagedBridge(host.facts(), system.network)
  const share = await sharedNamespaces(host, container, config, options.share)
  const planned = planLaunch(launchInput({ host, facts, container, configFile: file, config, system, options, share, env }))
  for (const warning of [...warnings, ...planned.warnings]) log.warn(warning)
  return planned
}

function requireRoot(host: Host, container: Container): void {
  if (host.uid === 0) return
  throw new TlxcError('PRIVILEGE', `cannot start "${container.name}": only root can`, { hint: `run it as root: sudo tlxc-start ${container.name}` })
}

async function isRunning({ host, log }: StartContext, container: Container): Promise<boolean> {
  return (await containerStatus(host, container, { locked: true, onKilled: (message) => log.warn(message) })) !== null
}

function requireWhole(host: Host, container: Container): void {
  if (!isPartial(host, container)) return
  throw new TlxcError('NOT_DEFINED', `cannot start "${container.name}": its creation was interrupted, it is not whole`, {
    hint: `remove what is left and create it again: tlxc-destroy ${container.name}`,
  })
}

interface Launched {
  /** ok, or already-running. */
  report: Report
  /** In a property: awaiting it would hold the lock as long as a foreground container runs. */
  run: Promise<MonitorRun>
}

async function launch({ host }: StartContext, container: Container, { plan, apparmor }: Planned, { foreground, execute }: StartOptions): Promise<Launched> {
  if (apparmor !== undefined) await loadApparmor(host, apparmor)
  makeRunDir(host, container)
  try {
    const planFile = `${container.runDir}/plan.json`
    host.writeFileAtomic(planFile, JSON.stringify(plan), 0o600)
    const launched = await untilReport(host, planFile, foreground)
    // A command may well end at once.
    if (launched.report.ok && !foreground && !execute) await requireLasting(host, container, host.now())
    if (!launched.report.ok && launched.report.code !== 'already-running') throw await startFailure(container.name, launched.report)
    return launched
  } catch (error) {
    if (!(await stillRunning(host, container))) removeRunDir(host, container)
    throw error
  }
}

async function untilReport(host: Host, planFile: string, foreground: boolean): Promise<Launched> {
  let announce: (report: Report) => void = () => undefined
  const announced = new Promise<Report>((resolve) => (announce = resolve))
  const run = startMonitor(host, planFile, { foreground, onReport: announce })
  const report = await Promise.race([announced, run.then((ended) => ended.report)])
  return { report, run }
}

/** A monitor that reported nothing that we understood may have started all the same. */
async function stillRunning(host: Host, container: Container): Promise<boolean> {
  return (await containerStatus(host, container, { locked: true }).catch(() => null)) !== null
}
