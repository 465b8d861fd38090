/** Failures of the machine that can come anywhere: a full or broken disk, no memory. People can mend these; they are no bugs. Pure. */
import { errnoOf, TlxcError, type ErrorCode } from '../errors.ts'

const TROUBLE: Readonly<Record<string, readonly [code: ErrorCode, reason: string, hint: string]>> = {
  ENOSPC: ['SPACE', 'no space left', 'make room on that filesystem, and try again'],
  EDQUOT: ['SPACE', 'the disk quota is used up', 'make room, or raise the quota, and try again'],
  EIO: ['IO', 'the disk cannot be read or written', 'the kernel log says more: dmesg'],
  EROFS: ['IO', 'the filesystem is mounted read-only', 'after an error of the disk the kernel does that: dmesg'],
  EMFILE: ['IO', 'too many open files', 'raise the limit: ulimit -n'],
  ENFILE: ['IO', 'too many open files on this machine', 'raise fs.file-max'],
  ENOMEM: ['IO', 'no memory left', 'end something, and try again'],
}

/** null: it is none of those. */
export function systemTrouble(error: unknown): TlxcError | null {
  const errno = errnoOf(error) ?? ''
  const { syscall, path } = Object(error) as { syscall?: unknown; path?: unknown }
  // Bun's rm tells EIO as EFAULT.
  const found = TROUBLE[errno === 'EFAULT' && syscall === 'rm' ? 'EIO' : errno]
  if (!found) return null
  const [code, reason, hint] = found
  const what = `${typeof syscall === 'string' ? syscall : 'go on'}${typeof path === 'string' ? ` "${path}"` : ''}`
  return new TlxcError(code, `cannot ${what}: ${reason}`, { cause: error, hint })
}
