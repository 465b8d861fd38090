/** Puts a container back to a snapshot, in place. What it was before is kept aside until the next restore or a prune, so that it can be undone. */
import { ConfigDocument } from '../config/document.ts'
import { TlxcError } from '../errors.ts'
import type { Host } from '../host/host.ts'
import { withEntries } from '../storage/entries.ts'
import { commitJournal } from '../storage/journal.ts'
import { runStorage } from '../storage/native.ts'
import type { Stack } from '../storage/stack.ts'
import { hideView, viewOf, type Layered } from '../storage/view.ts'
import { collectLayers, inContainer, showFiles } from './layers.ts'
import { stackCommit } from './snapshot.ts'
import type { Snapshot } from './snapshots.ts'
import { readConfigText, type Container } from './store.ts'

const CONFIG_MODE = 0o640

/** The caller holds the container's lock and knows that it is stopped. Nothing is deleted before the new state is in place. */
export async function restoreLayers(host: Host, container: Container, layered: Layered, snapshot: Snapshot): Promise<void> {
  const { stack, pool } = layered
  const { stack: saved } = snapshot
  if (saved === null) throw new TlxcError('STORAGE', `cannot restore "${snapshot.name}": it is a plain copy, and "${container.name}" has layers`, { hint: `restore it to a new name: -N NEW` })
  const config = readConfigText(host, container)
  await withEntries(host, container.lxcpath, async (entries) => {
    const upper = entries.upper()
    const aside = { at: host.now(), restored: snapshot.name, upper: stack.upper, lowers: stack.lowers, based: stack.based, config }
    const after: Stack = { version: 1, type: 'overlay', upper, lowers: saved.lowers, based: snapshot.name, running: null, aside, ...memoryOf(stack) }
    await replace(host, container, layered, {
      purpose: `restore of ${snapshot.name}`,
      after,
      config: restoredConfig(readConfigText(host, container, `${snapshot.directory}/config`), container),
      prepare: async () => void (await runStorage(host, [{ op: 'upper', pool, name: upper, lowers: [...saved.lowers] }])),
    })
  })
  // What the restore before this one had put aside.
  if (stack.aside !== null) await collectLayers(host, container.lxcpath)
}

/** Takes the last restore back; what is there now is put aside in turn. Resolves with the name of the snapshot that had been restored. Throws TlxcError NOT_DEFINED. */
export async function undoRestore(host: Host, container: Container, layered: Layered): Promise<string> {
  const { stack } = layered
  const { aside } = stack
  if (aside === null) {
    throw new TlxcError('NOT_DEFINED', `cannot undo a restore of "${container.name}": nothing is put aside`, { hint: `restore a snapshot: tlxc-snapshot ${container.name} -r SNAP` })
  }
  const config = readConfigText(host, container)
  const kept = { at: host.now(), restored: aside.restored, upper: stack.upper, lowers: stack.lowers, based: stack.based, config }
  const after: Stack = { version: 1, type: 'overlay', upper: aside.upper, lowers: aside.lowers, based: aside.based, running: null, aside: kept, ...memoryOf(stack) }
  await replace(host, container, layered, { purpose: 'undo of a restore', after, config: aside.config, prepare: () => Promise.resolve() })
  return aside.restored
}

/** What it is, whatever it holds. */
function memoryOf({ memory }: Stack): Pick<Stack, 'memory'> {
  return memory === true ? { memory } : {}
}

interface Replacement {
  purpose: string
  after: Stack
  config: string
  prepare: () => Promise<void>
}

async function replace(host: Host, container: Container, layered: Layered, { purpose, after, config, prepare }: Replacement): Promise<void> {
  // What is put aside must survive a power cut as well as what is put in its place.
  await hideView(host, layered, { op: 'sync', path: layered.pool })
  try {
    const path = inContainer(container, 'config')
    const write = { do: 'write', path, before: readConfigText(host, container), after: config, mode: CONFIG_MODE } as const
    await commitJournal(
      host,
      { lxcpath: container.lxcpath, directory: container.dir },
      { version: 1, purpose, steps: [write], commit: stackCommit(container, layered.stack, after) },
      prepare,
    )
  } finally {
    await showFiles(host, container)
  }
}

/** The snapshot's own, at home again. */
export function restoredConfig(config: string, { dir }: Pick<Container, 'dir'>, type = 'dir'): string {
  const document = ConfigDocument.parse(config)
  if (document.values('lxc.rootfs.path').length > 0) document.set('lxc.rootfs.path', `${type}:${viewOf(dir)}`)
  return document.toString()
}
