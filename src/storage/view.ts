/**
 * The view: NAME/rootfs shows the files of a stopped layered container, unshifted, so that `chroot NAME/rootfs passwd`, backups and
 * edits work as with a plain directory. While it runs the monitor shows the container's own mount there. One superblock at a time:
 * the kernel lets an upper be mounted twice, and both mounts then break: the second one empties the work directory of the first.
 */
import { errnoOf, TlxcError } from '../errors.ts'
import type { Host } from '../host/host.ts'
import type { StorageStep } from '../protocol/generated.ts'
import { isMountPoint, mountsBelow } from './mounts.ts'
import { runStorage } from './native.ts'
import type { Stack } from './stack.ts'

/** A layered container. */
export interface Layered {
  pool: string
  /** LXCPATH/NAME */
  directory: string
  stack: Stack
}

export function viewOf(directory: string): string {
  return `${directory}/rootfs`
}

/** Takes the view away. Throws TlxcError BUSY that names who sits in it, when somebody has a file open for writing there. */
export async function hideView(host: Host, layered: Pick<Layered, 'pool' | 'directory'> & { stack: Pick<Stack, 'upper'> }, ...then: StorageStep[]): Promise<{ syncUs: number }> {
  refuseMountsInside(host, viewOf(layered.directory))
  const unmount = unmountSteps(host, layered)
  // An unmount writes out as well: before it, or nobody would know how long that takes.
  const flush = unmount.length === 0 ? [] : then.filter((step) => step.op === 'sync')
  const steps = [...flush, ...unmount, ...then]
  if (steps.length === 0) return { syncUs: 0 }
  return { syncUs: (await runStorage(host, steps)).sync_us }
}

/** What somebody mounted in the view would go with it, or keep it. */
export function refuseMountsInside(host: Host, view: string): void {
  const inside = mountsBelow(host, view).filter((mount) => mount !== view)
  if (inside.length === 0) return
  throw new TlxcError('BUSY', `cannot unmount "${view}": ${inside.map((mount) => `"${mount}"`).join(', ')} is mounted there`, { hint: `umount ${inside.at(-1) ?? ''}` })
}

function unmountSteps(host: Host, { pool, directory, stack }: Pick<Layered, 'pool' | 'directory'> & { stack: Pick<Stack, 'upper'> }): StorageStep[] {
  return isMountPoint(host, viewOf(directory)) ? [{ op: 'unmount', path: viewOf(directory), pool, upper: stack.upper }] : []
}

/** Shows the files of a stopped container, unless they are shown. doubt: it was not stopped in order, so that another mount may still hold the upper. */
export async function showView(host: Host, { pool, directory, stack }: Layered, { doubt = false } = {}): Promise<void> {
  const path = viewOf(directory)
  if (isMountPoint(host, path)) return
  makeMountPoint(host, path)
  const probe: StorageStep[] = doubt ? [{ op: 'probe', pool, upper: stack.upper }] : []
  // Immutable, so that nobody writes under the mount by mistake.
  const flag: StorageStep = { op: 'immutable', path, on: true }
  await runStorage(host, [...probe, ...freshWorkdir(host, pool, stack.upper), flag, { op: 'mount', pool, lowers: [...stack.lowers], upper: stack.upper, path }])
}

/** After a volatile mount overlayfs refuses the work directory, because a crash may have cost data: that was said when it became volatile. */
export function freshWorkdir(host: Host, pool: string, upper: string): StorageStep[] {
  return host.fs.existsSync(`${pool}/${upper}/wk/work/incompat`) ? [{ op: 'workdir', pool, name: upper }] : []
}

/** Before the mount point is removed or renamed. */
export async function freeMountPoint(host: Host, directory: string): Promise<void> {
  if (host.fs.existsSync(viewOf(directory))) await runStorage(host, [{ op: 'immutable', path: viewOf(directory), on: false }])
}

function makeMountPoint(host: Host, path: string): void {
  try {
    host.fs.mkdirSync(path, { mode: 0o755 })
  } catch (error) {
    if (errnoOf(error) !== 'EEXIST') throw error
  }
}
