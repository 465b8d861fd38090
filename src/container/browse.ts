/** A snapshot's files, read-only, at snaps/SNAP/rootfs: until it is released. */
import type { Host } from '../host/host.ts'
import { isMountPoint } from '../storage/mounts.ts'
import { runStorage } from '../storage/native.ts'
import { poolAbove } from '../storage/pool.ts'
import { withLock } from './lock.ts'
import { requireDefined } from './require.ts'
import { findSnapshot, type Snapshot } from './snapshots.ts'
import type { Container } from './store.ts'
import type { StorageContext } from './storage-context.ts'

/** Resolves with the path. A plain copy is there anyway. Doing it twice is harmless. */
export async function browseSnapshot(ctx: StorageContext, container: Container, name: string): Promise<string> {
  return withLock(ctx.host, container, 'browse', ctx.lockTimeoutMs, async () => {
    requireDefined(ctx.host, container)
    return mountSnapshot(ctx.host, findSnapshot(ctx.host, container, name))
  })
}

/** Throws TlxcError BUSY that names who still uses it. */
export async function releaseSnapshot(ctx: StorageContext, container: Container, name: string): Promise<void> {
  await withLock(ctx.host, container, 'release', ctx.lockTimeoutMs, async () => {
    requireDefined(ctx.host, container)
    await unmountSnapshot(ctx.host, findSnapshot(ctx.host, container, name))
  })
}

async function mountSnapshot(host: Host, { directory, stack }: Snapshot): Promise<string> {
  const path = `${directory}/rootfs`
  if (stack === null || isMountPoint(host, path)) return path
  host.fs.mkdirSync(path, { recursive: true, mode: 0o755 })
  await runStorage(host, [{ op: 'mount', pool: poolAbove(host, directory), lowers: [...stack.lowers], path, readonly: true }])
  return path
}

async function unmountSnapshot(host: Host, { directory, stack }: Snapshot): Promise<void> {
  const path = `${directory}/rootfs`
  if (stack === null) return
  if (isMountPoint(host, path)) await runStorage(host, [{ op: 'unmount', path }])
  if (host.fs.existsSync(path)) host.fs.rmdirSync(path)
}
