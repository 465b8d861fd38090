/**
 * LXCPATH/NAME/started: an ephemeral container was started, and by which monitor. Who finds that and no such monitor finds what was to vanish when
 * it stopped: the monitor was killed, or the power went, before it could destroy it. Without the mark nothing may be destroyed: a clone that
 * is just made, or a container that somebody has marked ephemeral and not started yet, looks the same otherwise.
 */
import { errnoOf, TlxcError } from '../errors.ts'
import type { Host } from '../host/host.ts'
import { loadContainerConfig } from './load-config.ts'
import { isSameProcess, notedStatus } from './state.ts'
import type { Container } from './store.ts'

interface Mark {
  /** Its run directory, which tells name and place: what somebody has renamed or moved elsewhere since is wanted. */
  run: string
  /** Lives until the last hook of the stop is done, longer than the run directory. */
  monitor_pid: number
  monitor_start: number
}

/** After a start that went well; ephemeral: of this run. The caller holds the container's lock. */
export function markStarted(host: Host, container: Container, ephemeral: boolean): void {
  const status = ephemeral && isEphemeral(host, container) ? notedStatus(host, container) : null
  // With another configuration for this run, it stays; without a status it has ended, and its monitor is at it.
  if (status === null) return host.fs.rmSync(markFile(container), { force: true })
  const { monitor_pid, monitor_start } = status
  const mark: Mark = { run: container.runDir, monitor_pid, monitor_start }
  host.writeFileAtomic(markFile(container), `${JSON.stringify(mark)}\n`, 0o600)
}

/** It was started, has stopped, and should be gone. Sure only for who holds the container's lock, and has seen that it does not run. */
export function isLeftOver(host: Host, container: Container): boolean {
  const mark = readMark(host, container)
  if (mark === null || mark.run !== container.runDir || isSameProcess(host, mark)) return false
  const status = notedStatus(host, container)
  return !(status !== null && isSameProcess(host, status)) && isEphemeral(host, container)
}

function markFile({ dir }: Container): string {
  return `${dir}/started`
}

function readMark(host: Host, container: Container): Mark | null {
  try {
    const { run, monitor_pid, monitor_start } = Object(JSON.parse(host.fs.readFileSync(markFile(container), 'utf8'))) as Partial<Mark>
    return typeof run === 'string' && typeof monitor_pid === 'number' && typeof monitor_start === 'number' ? { run, monitor_pid, monitor_start } : null
  } catch (error) {
    if (error instanceof SyntaxError || errnoOf(error) === 'ENOENT' || errnoOf(error) === 'ENOTDIR') return null
    throw error
  }
}

/** As its own file says, whatever one start was told. */
function isEphemeral(host: Host, container: Container): boolean {
  try {
    return loadContainerConfig(host, container).value.ephemeral === true
  } catch (error) {
    if (error instanceof TlxcError) return false
    throw error
  }
}
