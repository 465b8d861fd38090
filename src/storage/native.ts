/** The native programs of storage: what node has no call for (mount(2), syncfs(2), file flags, copying trees with everything). */
import { TlxcError, type ErrorCode } from '../errors.ts'
import type { Host } from '../host/host.ts'
import { interruptedBy } from '../host/interrupted.ts'
import { PROTOCOL_VERSION, type ComposeReport, type ComposeRequest, type LivesnapReport, type LivesnapRequest, type StorageReport, type StorageStep } from '../protocol/generated.ts'

/** Runs steps in order. Throws TlxcError BUSY with who uses it, SPACE, STORAGE; what was done before stays done. */
export async function runStorage(host: Host, steps: readonly StorageStep[]): Promise<StorageReport> {
  const report = await run<StorageReport>(host, 'storage', { version: PROTOCOL_VERSION, steps })
  if (report.ok) return report
  const step = steps[report.step ?? 0]
  throw explain(step === undefined ? 'work on the storage' : PHRASES[step.op](step), report, report.busy)
}

/** Copies the upper of a running container; it is thawed again whatever happens. */
export async function runLivesnap(host: Host, request: Omit<LivesnapRequest, 'version'>): Promise<LivesnapReport> {
  const report = await run<LivesnapReport>(host, 'livesnap', { version: PROTOCOL_VERSION, ...request })
  if (report.ok) return report
  throw explain(`copy the running file system (${report.stage ?? 'it failed'})`, report, [])
}

/** Merges layers of the pool into one new directory. */
export async function runCompose(host: Host, request: Omit<ComposeRequest, 'version'>): Promise<ComposeReport> {
  const report = await run<ComposeReport>(host, 'compose', { version: PROTOCOL_VERSION, ...request })
  if (report.ok) return report
  throw explain('merge layers', report, [])
}

const PHRASES: Readonly<Record<StorageStep['op'], (step: StorageStep) => string>> = {
  sync: (step) => `write out the filesystem of "${step.path ?? ''}"`,
  immutable: (step) => `change the flags of "${step.path ?? ''}"`,
  upper: (step) => `make the writable layer "${step.name ?? ''}"`,
  workdir: (step) => `make the work directory of "${step.name ?? ''}"`,
  mount: (step) => `mount the files on "${step.path ?? ''}"`,
  unmount: (step) => `unmount "${step.path ?? ''}"`,
  probe: (step) => `use the writable layer "${step.upper ?? ''}"`,
  subvolume: (step) => `take a snapshot of "${step.path ?? ''}"`,
}

type Failed = Pick<StorageReport, 'syscall' | 'errno' | 'detail'>

type User = StorageReport['busy'][number]

async function run<R>(host: Host, program: string, request: unknown): Promise<R> {
  const { stdout, stderr, exitCode, signal } = await host.exec(`${host.paths.libexec}/${program}`, [JSON.stringify(request)])
  try {
    return JSON.parse(stdout) as R
  } catch (error) {
    const how = signal === null ? `exit code ${exitCode ?? '?'}` : signal
    const mend = signal === null ? 'install tlxc anew: its parts do not fit together' : 'try it again; the kernel says in dmesg(1) if memory ran out'
    throw interruptedBy(signal) ?? new TlxcError('STORAGE', `cannot use "${program}": it ended with ${how}`, { cause: error, hint: stderr.trim() || mend })
  }
}

/** errno(3) of those that deserve words of their own. */
const ENOSPC = 28
const EBUSY = 16
const EDQUOT = 122
const EINVAL = 22
const ENOSYS = 38

function explain(what: string, { syscall, errno, detail }: Failed, busy: readonly User[]): TlxcError {
  const reason = detail ?? (syscall === undefined || syscall === null ? 'it failed' : `${syscall} failed with errno ${errno ?? 0}`)
  if (errno === ENOSPC || errno === EDQUOT) return failed('SPACE', what, 'no space left', 'make room on the filesystem, or destroy snapshots that are not needed: tlxc-snapshot --prune')
  if (errno === ENOSYS) return failed('KERNEL', what, `this kernel does not know ${syscall ?? 'it'}`, 'layers need Linux 5.19 or newer; tlxc-checkconfig lists what is missing')
  if (busy.length > 0) return failed('BUSY', what, `in use by ${users(busy)}`, `end them, or leave the directory: ${busy.map(({ pid }) => pid).join(' ')}`)
  if (errno === EBUSY) return failed('BUSY', what, `${reason} (it is still in use)`, 'a process or another mount namespace holds it; tlxc-checkconfig --storage shows what it finds')
  if (errno === EINVAL && syscall === 'mount') return failed('STORAGE', what, reason, 'the filesystem must support d_type and trusted xattrs, and be no overlay itself; use -B dir there')
  return failed('STORAGE', what, reason, 'tlxc-checkconfig --storage checks the storage')
}

function failed(code: ErrorCode, what: string, reason: string, hint: string): TlxcError {
  return new TlxcError(code, `cannot ${what}: ${reason}`, { hint })
}

function users(busy: readonly User[]): string {
  const shown = busy.slice(0, 5).map(({ pid, comm, what }) => `process ${pid} (${comm}: ${what})`)
  return shown.join(', ') + (busy.length > 5 ? ` and ${busy.length - 5} more` : '')
}
