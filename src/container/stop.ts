/** Clean stop, reboot and hard stop. Waits by subscribing to the monitor: no polling. */
import { TlxcError } from '../errors.ts'
import { EXIT } from '../exit-codes.ts'
import type { Host } from '../host/host.ts'
import { expectOk, request, subscribe } from '../monitor/client.ts'
import type { Event, State, Status } from '../protocol/generated.ts'
import { unfreezeContainer } from './freeze.ts'
import { withLock } from './lock.ts'
import { answeredStatus, containerStatus } from './state.ts'
import type { Container } from './store.ts'

export interface StopOptions {
  mode: 'shutdown' | 'reboot' | 'kill'
  /** shutdown, reboot: how long to wait; 0: only ask; null: for ever. */
  timeoutMs: number | null
  /** shutdown: do not kill what is still there after the time. */
  noKill?: boolean
  /** Do not wait for a command that is working on the container (the start that is under way). */
  noLock?: boolean
  /** Instead of those that the container was started with, where set. */
  signals?: { halt: number | undefined; reboot: number | undefined }
  lockTimeoutMs: number
  signal: AbortSignal
  /** For people: "c1 is frozen; …". */
  notice?: (message: string) => void
}

/**
 * Resolves when the container has stopped (or has rebooted; or was asked to, with timeoutMs 0).
 * Throws TlxcError NOT_RUNNING (exit code 2, as lxc-stop), TIMEOUT, BUSY, INTERRUPTED.
 */
export async function stopContainer(host: Host, container: Container, options: StopOptions): Promise<void> {
  const watched = await ask(host, container, options)
  if (options.mode !== 'kill' && options.timeoutMs === 0) return watched.close()
  const isDone = options.mode === 'reboot' ? (event: Event): boolean => event.state === 'RUNNING' : (): boolean => false
  const end = await waitFor(watched, isDone, options.mode === 'kill' ? null : options.timeoutMs, options.signal)
  if (end === 'interrupted') throw new TlxcError('INTERRUPTED', `cannot wait for "${container.name}" to stop: interrupted`)
  if (options.mode === 'reboot') return endOfReboot(container, end, options)
  if (end === 'gone') return
  if (options.noKill) {
    throw new TlxcError('TIMEOUT', `cannot stop "${container.name}": it still runs after ${seconds(options.timeoutMs)} seconds`, {
      hint: `give it more time with -t, or tlxc-stop -k ${container.name}`,
    })
  }
  try {
    await stopContainer(host, container, { ...options, mode: 'kill' })
  } catch (error) {
    // It ended by itself between the two.
    if (!(error instanceof TlxcError) || error.code !== 'NOT_RUNNING') throw error
  }
}

type Watched = Awaited<ReturnType<typeof subscribe>>
type End = 'done' | 'gone' | 'timeout' | 'interrupted'

/**
 * A container that runs is asked at once: it may end by itself at any time, so that no command that holds the lock can mind. Any other
 * under the lock, so that one that is just being started is running or gone when we look.
 */
async function ask(host: Host, container: Container, options: StopOptions): Promise<Watched> {
  const onKilled = options.notice === undefined ? {} : { onKilled: options.notice }
  if (options.noLock) return await askFor(host, container, options, await containerStatus(host, container, onKilled))
  const asked = await askAtOnce(host, container, options)
  if (asked !== null) return asked
  return await withLock(host, container, 'stop', options.lockTimeoutMs, async () =>
    askFor(host, container, options, await containerStatus(host, container, { locked: true, ...onKilled })),
  )
}

/** null when it does not run, or stops while we ask. */
async function askAtOnce(host: Host, container: Container, options: StopOptions): Promise<Watched | null> {
  const status = await answeredStatus(host, container)
  if (!status || !SETTLED.has(status.state)) return null
  try {
    return await askFor(host, container, options, status)
  } catch (error) {
    if (error instanceof TlxcError && (error.code === 'NOT_RUNNING' || error.code === 'MONITOR')) return null
    throw error
  }
}

/** Neither on its way up nor down. */
const SETTLED: ReadonlySet<State> = new Set(['RUNNING', 'FREEZING', 'FROZEN', 'THAWED'])

async function askFor(host: Host, container: Container, options: StopOptions, status: Status | null): Promise<Watched> {
  if (!status) throw notRunning(container)
  try {
    return await askMonitor(host, container, options, status)
  } catch (error) {
    // Somebody else's stop, or its own end, was faster.
    if (error instanceof TlxcError && GONE.has(error.code) && !host.fs.existsSync(container.runDir)) throw notRunning(container)
    throw error
  }
}

const GONE: ReadonlySet<string> = new Set(['NOT_RUNNING', 'MONITOR'])

function notRunning({ name }: Container): TlxcError {
  return new TlxcError('NOT_RUNNING', `${name} is not running`, { exitCode: EXIT.stopNotRunning, hint: `start it: tlxc-start ${name}` })
}

async function askMonitor(host: Host, container: Container, options: StopOptions, status: Status): Promise<Watched> {
  const watched = await subscribe(host, container)
  try {
    if (options.mode === 'kill') {
      expectOk(await request(host, container, { op: 'kill', signal: -3 }), 'kill', container.name)
      return watched
    }
    if (status.state === 'FROZEN' || status.state === 'FREEZING') {
      options.notice?.(`${container.name} is frozen; thawing it, so that it can shut down`)
      await unfreezeContainer(host, container)
    }
    // Negative: whatever the plan says.
    const signal = options.mode === 'reboot' ? (options.signals?.reboot ?? -2) : (options.signals?.halt ?? -1)
    expectOk(await request(host, container, { op: 'signal', signal }), options.mode === 'reboot' ? 'reboot' : 'stop', container.name)
    return watched
  } catch (error) {
    watched.close()
    throw error
  }
}

/** gone: the monitor has ended, and with it everything of the container. */
async function waitFor(watched: Watched, isDone: (event: Event) => boolean, timeoutMs: number | null, signal: AbortSignal): Promise<End> {
  let forced: End | null = signal.aborted ? 'interrupted' : null
  const force = (end: End): void => {
    forced ??= end
    watched.close()
  }
  const onAbort = (): void => force('interrupted')
  signal.addEventListener('abort', onAbort, { once: true })
  // Longer than setTimeout can count means for ever: 24 days.
  const timer = timeoutMs === null || timeoutMs > 0x7fffffff ? undefined : setTimeout(() => force('timeout'), timeoutMs)
  try {
    if (forced) return forced
    for await (const event of watched) if (isDone(event)) return 'done'
    return forced ?? 'gone'
  } finally {
    clearTimeout(timer)
    signal.removeEventListener('abort', onAbort)
    watched.close()
  }
}

function endOfReboot(container: Container, end: End, options: StopOptions): void {
  if (end === 'done') return
  const reason = end === 'gone' ? 'it stopped and did not come up again' : `it has not rebooted within ${seconds(options.timeoutMs)} seconds`
  throw new TlxcError(end === 'gone' ? 'START' : 'TIMEOUT', `cannot reboot "${container.name}": ${reason}`, {
    hint: end === 'gone' ? `start it in the foreground to see why: tlxc-start -F ${container.name}` : 'give it more time with -t',
  })
}

function seconds(ms: number | null): string {
  return ms === null ? 'endless' : String(ms / 1000)
}
