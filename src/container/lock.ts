/** One lock a container for everything that changes it: create, start, stop, destroy, cleaning up after a killed monitor. */
import type { Host } from '../host/host.ts'
import { runBase } from '../host/paths.ts'
import type { Container } from './store.ts'

/**
 * Runs fn while holding the container's lock; not reentrant. purpose names the holder to others: "start", or "copy of web to web2".
 * Throws LockedError when another holds it for longer than timeoutMs.
 */
export async function withLock<T>(host: Host, container: Container, purpose: string, timeoutMs: number, fn: () => Promise<T>): Promise<T> {
  const path = lockPath(host, container)
  host.fs.mkdirSync(path.slice(0, path.lastIndexOf('/')), { recursive: true, mode: 0o700 })
  const held = await host.lock(path, { timeoutMs, purpose: lockPurpose(purpose, container) })
  try {
    return await fn()
  } finally {
    await held.release()
  }
}

/**
 * The pool's lock: held for the moment in which references to layers that exist are added, and while it is decided which layers nobody
 * refers to. After the containers' locks, never before them. Not reentrant.
 */
export async function withPoolLock<T>(host: Host, lxcpath: string, purpose: string, timeoutMs: number, fn: () => Promise<T>): Promise<T> {
  const directory = `${runBase(host.paths, lxcpath)}/.locks`
  host.fs.mkdirSync(directory, { recursive: true, mode: 0o700 })
  // No container's name begins with a dot.
  const held = await host.lock(`${directory}/.pool`, { timeoutMs, purpose })
  try {
    return await fn()
  } finally {
    await held.release()
  }
}

/** What the holder's LockedError says of it. */
export function lockPurpose(purpose: string, container: Container): string {
  return purpose.includes(' of ') ? purpose : `${purpose} of ${container.name}`
}

/** Outside of the container's own directory: it must survive destroy and exist before create. */
export function lockPath(host: Host, container: Container): string {
  return `${runBase(host.paths, container.lxcpath)}/.locks/${container.name}`
}
