/** Standard output and error as plain descriptors: written at once and whole, so that an exit loses nothing. */
import { fstatSync, writeSync } from 'node:fs'
import { errnoOf, TlxcError } from '../errors.ts'
import type { Output } from './command.ts'
import { OutputClosed } from './report-error.ts'

const DEFAULT_COLUMNS = 80

/** The part of process.stdout that knows a terminal; touched only when somebody asks, because making it costs a hot command time. */
type Terminal = Pick<NodeJS.WriteStream, 'columns' | 'rows' | 'on' | 'off'>

/** Writing throws OutputClosed when nobody reads any more, TlxcError SPACE or IO when it fails otherwise. */
export function descriptorOutput(fd: number, terminal: () => Terminal): Output {
  return {
    write: (data) => writeAll(fd, typeof data === 'string' ? Buffer.from(data) : data),
    get isTTY() {
      return isTerminal(fd)
    },
    get columns() {
      return (isTerminal(fd) && terminal().columns) || DEFAULT_COLUMNS
    },
    get rows() {
      return isTerminal(fd) ? terminal().rows : 0
    },
    onResize: (listener) => {
      terminal().on('resize', listener)
      return () => terminal().off('resize', listener)
    },
  }
}

/** A character device may be a terminal. Only then node:tty is asked, which costs a cold start 5 ms because it brings sockets along. */
function isTerminal(fd: number): boolean {
  try {
    return fstatSync(fd).isCharacterDevice() && process.getBuiltinModule('node:tty').isatty(fd)
  } catch {
    // Closed by the caller (`>&-`).
    return false
  }
}

function writeAll(fd: number, bytes: Uint8Array): void {
  for (let done = 0; done < bytes.length; ) {
    try {
      done += writeSync(fd, bytes, done)
    } catch (error) {
      const errno = errnoOf(error)
      if (errno === 'EPIPE') throw new OutputClosed('nobody reads the output any more', { cause: error })
      // Another program may have made the pipe or terminal that we share non-blocking (O_NONBLOCK belongs to the open file).
      if (errno !== 'EAGAIN') throw cannotWrite(fd, errno, error)
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 1)
    }
  }
}

function cannotWrite(fd: number, errno: string | undefined, cause: unknown): TlxcError {
  const what = fd === 1 ? 'standard output' : fd === 2 ? 'standard error' : `descriptor ${String(fd)}`
  const hint = errno === 'ENOSPC' ? 'make room on that disk' : 'see where the output goes'
  return new TlxcError(errno === 'ENOSPC' ? 'SPACE' : 'IO', `cannot write to ${what}: ${errno ?? String(cause)}`, { hint, cause })
}
