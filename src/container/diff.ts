/** tlxc-snapshot --diff: which files differ between two snapshots, or between one and now. */
import type { Host } from '../host/host.ts'
import { compareViews, type Difference, type View } from '../storage/compare.ts'
import { withEntries } from '../storage/entries.ts'
import { runStorage } from '../storage/native.ts'
import { TlxcError } from '../errors.ts'
import { viewOf } from '../storage/view.ts'
import { openLayers, showFiles } from './layers.ts'
import { loadContainerConfig } from './load-config.ts'
import { withLock } from './lock.ts'
import { requireOnDisk } from './memory.ts'
import { plainOf } from './plain.ts'
import { requireDefined } from './require.ts'
import { findSnapshot } from './snapshots.ts'
import { containerStatus } from './state.ts'
import type { StorageContext } from './storage-context.ts'
import type { Container } from './store.ts'

const UNSHIFTED = { uid: 0, gid: 0 }

/** Changes from snapshot `before` to snapshot `after`; null: to the container as it is now. */
export async function diffSnapshots(ctx: StorageContext, container: Container, before: string, after: string | null): Promise<Difference[]> {
  const { host } = ctx
  return withLock(host, container, 'diff', ctx.lockTimeoutMs, async () => {
    requireDefined(host, container)
    const layered = openLayers(host, container, ctx.log.warn)
    if (layered === null) return diffPlain(host, container, before, after)
    const { pool, stack } = layered
    if (after === null && (await containerStatus(host, container, { locked: true })) !== null) requireOnDisk(container, stack, 'compare a snapshot with')
    const old = lowersOf(host, container, before)
    const now = after === null ? [`${stack.upper}/up`, ...stack.lowers] : lowersOf(host, container, after)
    const differing = [...old.filter((name) => !now.includes(name)), ...now.filter((name) => !old.includes(name))].map((name) => `${pool}/${name}`)
    return withViews(host, container, pool, [old, after === null ? null : now], async ([first, second]) =>
      compareViews(host, { root: first ?? '', shift: UNSHIFTED }, second === undefined ? await presentView(host, container) : { root: second, shift: UNSHIFTED }, differing))
  })
}

/** Of plain copies every file is looked at, and read where it is another one. */
function diffPlain(host: Host, container: Container, before: string, after: string | null): Difference[] {
  const rootOf = (name: string): string => `${findSnapshot(host, container, name).directory}/rootfs`
  const [old, now] = [rootOf(before), after === null ? plainOf(host, container).rootfs : rootOf(after)]
  return compareViews(host, { root: old, shift: UNSHIFTED }, { root: now, shift: UNSHIFTED }, [old, now])
}

function lowersOf(host: Host, container: Container, name: string): readonly string[] {
  const { stack } = findSnapshot(host, container, name)
  if (stack !== null) return stack.lowers
  throw new TlxcError('UNSUPPORTED', `cannot compare snapshot "${name}": it is a plain copy`, { hint: 'compare its directory with diff -r' })
}

/** Mounts each stack read-only somewhere in the pool while fn runs; null is left out. */
async function withViews<T>(host: Host, container: Container, pool: string, stacks: readonly (readonly string[] | null)[], fn: (roots: string[]) => Promise<T>): Promise<T> {
  return withEntries(host, container.lxcpath, async (entries) => {
    const mounted: string[] = []
    try {
      for (const lowers of stacks) {
        if (lowers === null) continue
        const path = `${pool}/${entries.temporary()}`
        host.fs.mkdirSync(path, { mode: 0o700 })
        await runStorage(host, [{ op: 'mount', pool, lowers: [...lowers], path, readonly: true }])
        mounted.push(path)
      }
      return await fn(mounted)
    } finally {
      for (const path of mounted) {
        await runStorage(host, [{ op: 'unmount', path }])
        host.fs.rmdirSync(path)
      }
    }
  })
}

/** While it runs, its own mount is there, whose ids are shifted. */
async function presentView(host: Host, container: Container): Promise<View> {
  const running = (await containerStatus(host, container, { locked: true })) !== null
  if (!running) await showFiles(host, container)
  const { idmap } = loadContainerConfig(host, container).value
  const shiftOf = (kind: 'uid' | 'gid'): number => (running ? (idmap.find((one) => one.kind === kind && one.ns === 0)?.host ?? 0) : 0)
  return { root: viewOf(container.dir), shift: { uid: shiftOf('uid'), gid: shiftOf('gid') } }
}
