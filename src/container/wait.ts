/** Waits for a state. Events come through a FIFO, so it works for containers that do not run, or do not exist, yet. */
import { TlxcError } from '../errors.ts'
import type { Host } from '../host/host.ts'
import { subscribe } from '../monitor/client.ts'
import { listenEvents, type EventListener } from '../monitor/events.ts'
import { STATE_VALUES, type State } from '../protocol/generated.ts'
import { containerStatus } from './state.ts'
import type { Container } from './store.ts'

export interface WaitOptions {
  states: ReadonlySet<State>
  /** null: for ever. */
  timeoutMs: number | null
  signal: AbortSignal
  /** Gets a line about a monitor that was killed, or is of another version. */
  notice?: (message: string) => void
}

/** "RUNNING|STOPPED", capitals as in lxc-wait(1). Throws TlxcError USAGE. */
export function parseStates(text: string): Set<State> {
  return new Set(
    text.split('|').map((word) => {
      const state = STATE_VALUES.find((known) => known === word)
      if (state) return state
      throw new TlxcError('USAGE', `invalid state '${word}'`, { hint: `one or more of ${STATE_VALUES.join('|')}` })
    }),
  )
}

/** The state that was reached, null when the time is over. Throws TlxcError INTERRUPTED, PERMISSION. */
export async function waitForState(host: Host, container: Container, options: WaitOptions): Promise<State | null> {
  const now = await currentState(host, container, options)
  if (options.states.has(now)) return now
  if (options.timeoutMs === 0) return null
  const listener = await listenEvents(host, [container.lxcpath], options.notice ?? (() => undefined))
  const end = (): void => listener.close()
  options.signal.addEventListener('abort', end, { once: true })
  const timer = options.timeoutMs === null || options.timeoutMs > 0x7fffffff ? undefined : setTimeout(end, options.timeoutMs)
  try {
    const reached = await listen(host, container, options, listener)
    if (options.signal.aborted) throw new TlxcError('INTERRUPTED', `cannot wait for "${container.name}": interrupted`, { exitCode: 130 })
    return reached
  } finally {
    clearTimeout(timer)
    options.signal.removeEventListener('abort', end)
    listener.close()
  }
}

async function listen(host: Host, container: Container, options: WaitOptions, listener: EventListener): Promise<State | null> {
  while (!listener.closed) {
    // Once more, now that nothing can be missed.
    const now = await currentState(host, container, options)
    if (options.states.has(now)) return now
    const guard = now === 'STOPPED' ? null : await wakeWhenGone(host, container, listener)
    try {
      for (let event = await listener.next(); event; event = await listener.next()) {
        if (event.name !== container.name || event.lxcpath !== container.lxcpath) continue
        if (event.state && options.states.has(event.state)) return event.state
        // It runs now: guard it, too.
        if (event.state === 'RUNNING' && !guard) break
      }
    } finally {
      guard?.close()
    }
  }
  return null
}

/** A killed monitor writes no event; its connections break. */
async function wakeWhenGone(host: Host, container: Container, listener: EventListener): Promise<{ close(): void } | null> {
  try {
    const events = await subscribe(host, container)
    void (async () => {
      try {
        for await (const event of events) void event
      } catch {
        // Broken off: the next look at the state tells what happened.
      }
      if (!listener.closed) listener.wake()
    })()
    return events
  } catch (error) {
    if (!(error instanceof TlxcError)) throw error
    listener.wake()
    return null
  }
}

async function currentState(host: Host, container: Container, options: WaitOptions): Promise<State> {
  const onKilled = options.notice === undefined ? {} : { onKilled: options.notice }
  return (await containerStatus(host, container, onKilled))?.state ?? 'STOPPED'
}
