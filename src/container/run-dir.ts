/** The run directory of a container that starts (src/protocol/README.md, "Files in the run directory"). */
import { dirname } from 'node:path'
import { TlxcError, errnoOf } from '../errors.ts'
import type { Host } from '../host/host.ts'
import { eventsDir, runBase } from '../host/paths.ts'
import type { Container } from './store.ts'

const CLOSED = 0o700

/** Makes it and what it stands in, each closed to others. Throws TlxcError PERMISSION when one of them is somebody else's or a link. */
export function makeRunDir(host: Host, container: Container): void {
  host.fs.mkdirSync(dirname(host.paths.run), { recursive: true })
  for (const directory of [host.paths.run, runBase(host.paths, container.lxcpath), eventsDir(host.paths, container.lxcpath), container.runDir]) {
    makeClosed(host, directory)
  }
}

/** After a start that failed before a monitor had it. */
export function removeRunDir(host: Host, container: Container): void {
  host.fs.rmSync(container.runDir, { recursive: true, force: true })
}

function makeClosed(host: Host, directory: string): void {
  try {
    host.fs.mkdirSync(directory, { mode: CLOSED })
    return
  } catch (error) {
    if (errnoOf(error) !== 'EEXIST') throw cannotMake(directory, error)
  }
  // lstat: a link that somebody put here would lead root's files elsewhere.
  const stat = host.fs.lstatSync(directory)
  if (!stat.isDirectory() || stat.uid !== host.uid) {
    throw new TlxcError('PERMISSION', `cannot use "${directory}": it is not a directory of this user`, { hint: 'remove it and start again' })
  }
  if ((stat.mode & 0o077) !== 0) host.fs.chmodSync(directory, CLOSED)
}

function cannotMake(directory: string, error: unknown): TlxcError {
  const errno = errnoOf(error) ?? 'it failed'
  if (errno === 'ENOSPC') return new TlxcError('SPACE', `cannot make "${directory}": no space left`, { hint: 'free some space in /run (df -h /run)', cause: error })
  return new TlxcError('IO', `cannot make "${directory}": ${errno}`, { hint: 'see that /run is there and writable', cause: error })
}
