/** Snapshots of a container as they are shown, with what each takes by itself. */
import type { Host } from '../host/host.ts'
import { references } from '../storage/collect.ts'
import { poolAbove } from '../storage/pool.ts'
import { readStack, stackFile, type Stack } from '../storage/stack.ts'
import { asideOf } from './aside.ts'
import { requireDefined } from './require.ts'
import { listSnapshots, type Snapshot } from './snapshots.ts'
import type { AsideView, SnapshotView } from './snapshot-view.ts'
import type { Container } from './store.ts'

export interface ShownSnapshots {
  snapshots: SnapshotView[]
  /** Where the container is now; null without layers. */
  now: { parent: string | null; exclusiveBytes: number | null } | null
  /** What --undo would take back; null: nothing. */
  aside: AsideView | null
}

/** sizes costs a walk through the layers that only one of them has. Throws TlxcError NOT_DEFINED. */
export async function viewSnapshots(host: Host, container: Container, { sizes }: { sizes: boolean }): Promise<ShownSnapshots> {
  requireDefined(host, container)
  const snapshots = listSnapshots(host, container)
  const stack = readStack(host, container.dir)
  const exclusive: Exclusive = sizes && stack !== null ? await exclusiveSizes(host, container) : () => Promise.resolve(null)
  const isAside = onlyAside(stack)
  const views: SnapshotView[] = []
  for (const snapshot of snapshots) views.push(viewOf(snapshot, await exclusive(stackFile(snapshot.directory))))
  const now = stack === null ? null : { parent: stack.based, exclusiveBytes: await exclusive(stackFile(container.dir), (name) => !isAside(name)) }
  return { snapshots: views, now, aside: await viewAside(host, container, stack, exclusive) }
}

async function viewAside(host: Host, container: Container, stack: Stack | null, exclusive: Exclusive): Promise<AsideView | null> {
  const aside = asideOf(host, container)
  if (aside === null) return null
  const { restored, at } = aside
  return { restored, at, parent: stack?.aside?.based ?? null, exclusiveBytes: await exclusive(stackFile(container.dir), onlyAside(stack)) }
}

/** Names that what was put aside has, and the present state does not. */
function onlyAside(stack: Stack | null): (name: string) => boolean {
  if (stack === null || stack.aside === null) return () => false
  const aside = new Set([stack.aside.upper, ...stack.aside.lowers])
  for (const name of [stack.upper, ...stack.lowers, ...(stack.running?.layers ?? [])]) aside.delete(name)
  return (name) => aside.has(name)
}

function viewOf({ name, created, parentDirectory, comment, stack }: Snapshot, exclusiveBytes: number | null): SnapshotView {
  const frozenUs = stack?.frozenUs ?? null
  return {
    name, created, directory: parentDirectory, comment, exclusiveBytes, live: frozenUs !== null, parent: stack?.parent ?? null,
    lowers: stack?.lowers ?? [], frozenMs: frozenUs === null ? null : frozenUs / 1000,
  }
}

/** Bytes on disk of the entries that only the given storage.json refers to; of those that are meant. */
type Exclusive = (file: string, isMeant?: (name: string) => boolean) => Promise<number | null>

async function exclusiveSizes(host: Host, container: Container): Promise<Exclusive> {
  const users = new Map<string, Set<string>>()
  const all = references(host, container.lxcpath)
  for (const { file, names } of all) for (const name of names) users.set(name, (users.get(name) ?? new Set()).add(file))
  const pool = poolAbove(host, container.dir)
  return async (file, isMeant = () => true) => {
    const own = [...new Set(all.find((one) => one.file === file)?.names ?? [])].filter((name) => users.get(name)?.size === 1 && isMeant(name))
    const paths = own.map((name) => `${pool}/${name}`).filter((path) => host.fs.existsSync(path))
    return paths.length === 0 ? 0 : diskUsage(host, paths)
  }
}

/** du(1) counts a hard-linked file once, and walks trees deeper than any path. */
async function diskUsage(host: Host, paths: readonly string[]): Promise<number> {
  const { stdout } = await host.exec('du', ['-scx', '--block-size=1', '--', ...paths])
  return Number(/^(\d+)\ttotal$/m.exec(stdout)?.[1] ?? 0)
}
