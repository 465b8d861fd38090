/**
 * Snapshots of containers whose storage is a plain directory (-B dir) or a btrfs subvolume: snaps/SNAP/rootfs, as LXC has them. A directory is
 * copied whole, a subvolume in no time. Nothing that is there is deleted before what takes its place is complete.
 */
import { formatTimestamp } from '../config/timestamp.ts'
import { TlxcError } from '../errors.ts'
import type { Host } from '../host/host.ts'
import type { StorageDriver } from '../storage/driver.ts'
import { commitJournal, syncDirectory, type Step } from '../storage/journal.ts'
import { runStorage } from '../storage/native.ts'
import { findStorage, unsupportedStorage } from '../storage/registry.ts'
import { viewOf } from '../storage/view.ts'
import { inContainer, unfinishedCopies } from './layers.ts'
import { loadContainerConfig } from './load-config.ts'
import { restoredConfig } from './restore.ts'
import { snapshotConfig, type SnapshotOptions, type Taken } from './snapshot.ts'
import { snapshotsDir, type Snapshot } from './snapshots.ts'
import { readConfigText, type Container } from './store.ts'

interface Plain {
  driver: StorageDriver
  rootfs: string
}

const CONFIG_MODE = 0o640
/** What a restore replaced. */
const ASIDE = '.aside'
/** Its configuration, in the container's directory. */
export const PLAIN_ASIDE_CONFIG = `${ASIDE}/config`
/** What it will be, until everything is in place. */
const ASIDE_NEW = '.aside.new'
/** It is on its way out: nobody can be given half of it. */
const ASIDE_OLD = '.aside.old'
const RESTORED = '.restored'

/** The caller holds the container's lock. Throws TlxcError RUNNING where a copy of a running system would be torn. */
export async function snapshotPlain(host: Host, container: Container, { name, comment, rcfile }: SnapshotOptions, running: boolean): Promise<Taken> {
  const { driver, rootfs } = plainOf(host, container)
  const parent = snapshotsDir(container)
  host.fs.mkdirSync(parent, { recursive: true, mode: 0o700 })
  if (running && driver.copiesAtomically?.(host, rootfs, parent) !== true) {
    const reason = driver.type === 'btrfs' ? `"${rootfs}" is no subvolume of the filesystem that its snapshots are on` : 'its storage is a plain directory'
    throw new TlxcError('RUNNING', `cannot take a snapshot of "${container.name}": it is running, and ${reason}`, {
      hint: `stop it; or copy it to layers once, which can be snapshotted while it runs: tlxc-copy -n ${container.name} -N NEW -B overlay`,
    })
  }
  const hidden = `${parent}/.${name}`
  const created = host.now()
  await removeCopy(host, driver, hidden)
  host.fs.mkdirSync(hidden, { mode: 0o700 })
  try {
    await driver.copy(host, rootfs, `${hidden}/rootfs`)
    host.writeFileAtomic(`${hidden}/config`, snapshotConfig(readConfigText(host, container, rcfile), `${parent}/${name}`, driver.type), CONFIG_MODE)
    if (comment !== null) host.writeFileAtomic(`${hidden}/comment`, comment, 0o644)
    host.writeFileAtomic(`${hidden}/ts`, formatTimestamp(created), 0o644)
    const { sync_us: syncUs } = await runStorage(host, [{ op: 'sync', path: hidden }])
    host.fs.renameSync(hidden, `${parent}/${name}`)
    // Or a power cut would leave it under its hidden name, which is swept away.
    syncDirectory(host, parent)
    return { name, directory: `${parent}/${name}`, created, frozenUs: running ? 0 : null, syncUs, copied: null }
  } catch (error) {
    await removeCopy(host, driver, hidden)
    throw error
  }
}

/** The caller holds the container's lock and knows that it is stopped. */
export async function restorePlain(host: Host, container: Container, snapshot: Snapshot): Promise<void> {
  const { driver } = atHome(host, container)
  const source = `${snapshot.directory}/rootfs`
  await driver.remove(host, container.lxcpath, `${container.dir}/${RESTORED}`)
  await driver.copy(host, source, `${container.dir}/${RESTORED}`)
  await replace(host, container, driver, {
    restored: snapshot.name, from: RESTORED, config: restoredConfig(readConfigText(host, container, `${snapshot.directory}/config`), container, driver.type),
  })
}

/** Takes the last restore back. Throws TlxcError NOT_DEFINED. */
export async function undoPlain(host: Host, container: Container): Promise<string> {
  const { driver } = atHome(host, container)
  const aside = `${container.dir}/${ASIDE}`
  if (!host.fs.existsSync(`${aside}/rootfs`)) {
    throw new TlxcError('NOT_DEFINED', `cannot undo a restore of "${container.name}": nothing is put aside`, { hint: `restore a snapshot: tlxc-snapshot ${container.name} -r SNAP` })
  }
  const restored = host.fs.readFileSync(`${aside}/restored`, 'utf8')
  const config = host.fs.readFileSync(`${container.dir}/${PLAIN_ASIDE_CONFIG}`, 'utf8')
  // Straight from where it is kept: until that rename, which is the commit, nothing has happened to it.
  await replace(host, container, driver, { restored, from: `${ASIDE}/rootfs`, config })
  return restored
}

/** What undoPlain() would take back. */
export function plainAside(host: Host, { dir }: Container): { restored: string; at: number } | null {
  const record = `${dir}/${ASIDE}/restored`
  if (!host.fs.existsSync(`${dir}/${ASIDE}/rootfs`) || !host.fs.existsSync(record)) return null
  // Written once, at the restore.
  return { restored: host.fs.readFileSync(record, 'utf8'), at: host.fs.statSync(record).mtimeMs }
}

/** One rename, after which it cannot be taken back, then the slow part. The caller holds the container's lock. */
export async function dropPlainAside(host: Host, container: Container): Promise<void> {
  await sweepPlain(host, container)
  host.fs.renameSync(`${container.dir}/${ASIDE}`, `${container.dir}/${ASIDE_OLD}`)
  syncDirectory(host, container.dir)
  await sweepPlain(host, container)
}

interface Replacement {
  /** Name of the snapshot. */
  restored: string
  /** In the container's directory: what becomes its root file system. */
  from: string
  config: string
}

/** What was the root file system goes aside. */
async function replace(host: Host, container: Container, driver: StorageDriver, { restored, from, config }: Replacement): Promise<void> {
  const { dir, lxcpath } = container
  const before = readConfigText(host, container)
  await removeCopy(host, driver, `${dir}/${ASIDE_NEW}`)
  host.fs.mkdirSync(`${dir}/${ASIDE_NEW}`, { mode: 0o700 })
  host.writeFileAtomic(`${dir}/${ASIDE_NEW}/config`, before, CONFIG_MODE)
  host.writeFileAtomic(`${dir}/${ASIDE_NEW}/restored`, restored, 0o600)
  await runStorage(host, [{ op: 'sync', path: dir }])
  const at = (path: string): string => inContainer(container, path)
  const steps: Step[] = [
    { do: 'write', path: at('config'), before, after: config, mode: CONFIG_MODE },
    { do: 'rename', from: at('rootfs'), to: at(`${ASIDE_NEW}/rootfs`) },
  ]
  await commitJournal(host, { lxcpath, directory: dir }, { version: 1, purpose: `restore of ${restored}`, steps, commit: { do: 'rename', from: at(from), to: at('rootfs') } })
  await sweepPlain(host, container)
}

/** After a journal was finished or undone: what it put aside, or what a killed copy left. The caller holds the container's lock. */
export async function sweepPlain(host: Host, container: Container): Promise<void> {
  const { dir } = container
  const copies = unfinishedCopies(host, dir)
  const paths = [RESTORED, ASIDE_NEW, ASIDE_OLD].map((name) => `${dir}/${name}`)
  if (copies.length === 0 && !paths.some((path) => host.fs.existsSync(path))) return
  const { driver } = plainOf(host, container)
  for (const copy of copies) await removeCopy(host, driver, copy)
  await driver.remove(host, container.lxcpath, `${dir}/${RESTORED}`)
  await removeCopy(host, driver, `${dir}/${ASIDE_OLD}`)
  if (host.fs.existsSync(`${dir}/${ASIDE_NEW}/rootfs`)) {
    await removeCopy(host, driver, `${dir}/${ASIDE}`)
    host.fs.renameSync(`${dir}/${ASIDE_NEW}`, `${dir}/${ASIDE}`)
  } else {
    await removeCopy(host, driver, `${dir}/${ASIDE_NEW}`)
  }
}

/** A directory with a copy of a root file system in it. */
async function removeCopy(host: Host, driver: StorageDriver, directory: string): Promise<void> {
  if (!host.fs.existsSync(directory)) return
  await driver.remove(host, directory, `${directory}/rootfs`)
  host.fs.rmSync(directory, { recursive: true, force: true })
}

/** Whether the files of a plain container, or of a snapshot of it, belong to the ids of its range on the disk, as LXC's unprivileged containers have them. */
export function isShifted(host: Host, container: Container, snapshot: Snapshot | null): boolean {
  const { idmap, rootfsOptions } = loadContainerConfig(host, container, snapshot === null ? undefined : `${snapshot.directory}/config`).value
  return idmap.length > 0 && !rootfsOptions.includes('idmap=container')
}

/** Throws TlxcError UNSUPPORTED for one whose files are not in its directory (--dir, lxc.rootfs.path of another place): they cannot change places by a rename. */
function atHome(host: Host, container: Container): Plain {
  const plain = plainOf(host, container)
  const view = viewOf(container.dir)
  if (host.fs.existsSync(view) && host.fs.realpathSync(view) === host.fs.realpathSync(plain.rootfs)) return plain
  throw new TlxcError('UNSUPPORTED', `cannot restore "${container.name}" in place: its files are at "${plain.rootfs}"`, { hint: `restore it to a new name: tlxc-snapshot ${container.name} -r SNAP -N NEW` })
}

/** Storage of a container without layers. Throws TlxcError STORAGE, UNSUPPORTED when there is nothing that could be copied. */
export function plainOf(host: Host, container: Container): Plain {
  const { rootfs } = loadContainerConfig(host, container).value
  if (rootfs === undefined) throw new TlxcError('UNSUPPORTED', `cannot copy the files of "${container.name}": it has no root file system`, { hint: 'containers of template none have only a configuration' })
  const driver = findStorage(rootfs.type)
  if (driver === undefined) throw unsupportedStorage(rootfs.type)
  if (!host.fs.existsSync(rootfs.path)) throw new TlxcError('STORAGE', `cannot copy "${rootfs.path}": it is not there`, { hint: `correct lxc.rootfs.path in "${container.configFile}"` })
  return { driver, rootfs: rootfs.path }
}
