/** Is it running? Asks the monitor; cleans up after a monitor that was killed. */
import { errnoOf, TlxcError } from '../errors.ts'
import type { Host } from '../host/host.ts'
import { expectOk, request } from '../monitor/client.ts'
import { decodeStruct } from '../protocol/decode.ts'
import type { Status } from '../protocol/generated.ts'
import { withLock } from './lock.ts'
import type { Container } from './store.ts'

export interface StatusOptions {
  /** Interfaces with addresses and counters too (costs the monitor a look into the container's network namespace). */
  addresses?: boolean
  /** The caller holds the container's lock. */
  locked?: boolean
  /** Gets one line when a killed monitor was cleaned up after. */
  onKilled?: (message: string) => void
}

/** The status of a running container, null for a stopped one. Throws TlxcError PERMISSION, MONITOR, UNSUPPORTED. */
export async function containerStatus(host: Host, container: Container, options: StatusOptions = {}): Promise<Status | null> {
  const status = await answeredStatus(host, container, options)
  if (status || !host.fs.existsSync(container.runDir)) return status
  if (options.locked) return askAgainAndCleanUp(host, container, options)
  try {
    // Whoever starts, stops or destroys holds the lock: a run directory without a listening monitor is theirs, not a dead one's.
    return await withLock(host, container, 'clean-up', 0, () => askAgainAndCleanUp(host, container, options))
  } catch (error) {
    if (error instanceof TlxcError && error.code === 'BUSY') return inTransit(host, container)
    throw error
  }
}

/** Throws TlxcError NOT_RUNNING when it is stopped. */
export async function runningStatus(host: Host, container: Container, options: StatusOptions = {}): Promise<Status> {
  const status = await containerStatus(host, container, options)
  if (status) return status
  throw new TlxcError('NOT_RUNNING', `cannot reach "${container.name}": it is not running`, { hint: `start it: tlxc-start ${container.name}` })
}

/** What its monitor says of a running container; null when none answers, for whatever reason. Cleans nothing up. Throws as containerStatus. */
export async function answeredStatus(host: Host, container: Container, options: StatusOptions = {}): Promise<Status | null> {
  if (isMissing(host, `${container.runDir}/command`)) return null
  try {
    const reply = await request(host, container, { op: 'status', addresses: options.addresses ?? false })
    return expectOk(reply, 'query', container.name).status ?? null
  } catch (error) {
    if (error instanceof TlxcError && error.code === 'NOT_RUNNING') return null
    // A monitor that is just ending closes the connection and then removes its directory.
    if (error instanceof TlxcError && error.code === 'MONITOR' && !monitorAlive(host, container)) return null
    throw error
  }
}

async function askAgainAndCleanUp(host: Host, container: Container, options: StatusOptions): Promise<Status | null> {
  const status = await answeredStatus(host, container, options)
  if (status || !host.fs.existsSync(container.runDir)) return status
  if (monitorAlive(host, container)) return inTransit(host, container)
  const wasRunning = host.fs.existsSync(`${container.runDir}/state.json`)
  const { exitCode, stderr } = await host.exec(`${host.paths.libexec}/monitor`, ['--cleanup', container.runDir])
  // A monitor that ended meanwhile has removed the directory itself.
  if (exitCode !== 0 && host.fs.existsSync(container.runDir)) {
    throw new TlxcError('MONITOR', `cannot clean up after the killed monitor of "${container.name}": ${lastLine(stderr)}`, {
      hint: `look at what is left in ${container.runDir}/state.json`,
    })
  }
  if (wasRunning) options.onKilled?.(`the monitor of ${container.name} was killed; cleaned up after it`)
  return null
}

/** A stopped container has no socket: nothing to connect to. One that we may not look at is the connection's error. */
function isMissing(host: Host, path: string): boolean {
  try {
    host.fs.accessSync(path)
    return false
  } catch (error) {
    return errnoOf(error) === 'ENOENT' || errnoOf(error) === 'ENOTDIR'
  }
}

/** The state that a starting or ending monitor has noted, as long as it lives. */
function inTransit(host: Host, container: Container): Status | null {
  const noted = notedStatus(host, container)
  return noted && isSameProcess(host, noted) ? noted : null
}

function monitorAlive(host: Host, container: Container): boolean {
  const noted = notedStatus(host, container)
  return noted !== null && isSameProcess(host, noted)
}

/** What its monitor has written down; null: nothing. It may be dead. */
export function notedStatus(host: Host, container: Container): Status | null {
  try {
    return decodeStruct('Status', JSON.parse(host.fs.readFileSync(`${container.runDir}/state.json`, 'utf8')))
  } catch (error) {
    if (errnoOf(error) === undefined || errnoOf(error) === 'ENOENT') return null
    throw error
  }
}

/** Compares the start time too: pids are used again. */
export function isSameProcess(host: Host, status: Pick<Status, 'monitor_pid' | 'monitor_start'>): boolean {
  try {
    const stat = host.fs.readFileSync(`${host.paths.proc}/${status.monitor_pid}/stat`, 'utf8')
    // comm may hold blanks and parentheses: fields count from the last ")"; field 3 is the first after it (proc_pid_stat(5)).
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
    return fields[0] !== 'Z' && Number(fields[19]) === status.monitor_start
  } catch (error) {
    if (errnoOf(error) === 'ENOENT' || errnoOf(error) === 'ESRCH') return false
    throw error
  }
}

function lastLine(text: string): string {
  return text.trimEnd().split('\n').at(-1) || 'monitor --cleanup failed'
}
