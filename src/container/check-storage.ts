/**
 * tlxc-checkconfig --storage: looks at everything of storage below one lxcpath, and mends what can be mended without guessing. Nothing
 * that something refers to is removed, ever; what cannot be mended is named.
 */
import { TlxcError } from '../errors.ts'
import type { Host } from '../host/host.ts'
import { references, removeEntries, strayMetadata, unreferenced } from '../storage/collect.ts'
import { readJournal } from '../storage/journal.ts'
import { mountPoints, ourMountPoints } from '../storage/mounts.ts'
import { runStorage } from '../storage/native.ts'
import { forgetEntry, kindOf, poolDir, readClaims, release } from '../storage/pool.ts'
import { readStack, type Stack } from '../storage/stack.ts'
import { goingInTrash } from '../storage/trash.ts'
import { viewOf } from '../storage/view.ts'
import type { DestroyContext } from './destroy.ts'
import { newNameFile, openLayers, POOL_TIMEOUT_MS, showFiles, sweepLeft } from './layers.ts'
import { withLock, withPoolLock } from './lock.ts'
import { isPartial, sweepPartial } from './partial.ts'
import { sweepPlain } from './plain.ts'
import { deadClones, forgetClones } from './relations.ts'
import { containerStatus } from './state.ts'
import { isLeftOver } from './started-mark.ts'
import { containerAt, nameProblem, type Container } from './store.ts'
import { destroyLeftOver } from './sweep-ephemeral.ts'
import { sweepTrash } from './trash.ts'

export interface StorageFinding {
  /** Stable code. */
  kind:
    | 'interrupted' | 'partial' | 'hidden-files' | 'view-missing' | 'stale-mount' | 'dangling' | 'dead-claim' | 'stray-metadata'
    | 'half-removed' | 'dead-clone' | 'ephemeral' | 'missing-layer' | 'missing-upper' | 'damaged' | 'open-pool' | 'busy'
  /** A container, an entry of the pool, or a file. */
  subject: string
  message: string
  /** It is right now. */
  mended: boolean
}

/** mend: false only looks. Throws TlxcError PERMISSION when lxcpath cannot be read. */
export async function checkStorage(ctx: DestroyContext, lxcpath: string, mend: boolean): Promise<StorageFinding[]> {
  const { host } = ctx
  const found: StorageFinding[] = []
  checkPool(host, lxcpath, mend, found)
  const containers = containerNames(host, lxcpath).map((name) => containerAt(host, lxcpath, name))
  // The half made ones first: others may speak of them.
  for (const container of containers.filter((one) => isPartial(host, one))) await checkContainer(ctx, container, mend, found)
  for (const container of containers.filter((one) => host.fs.existsSync(one.dir) && !isPartial(host, one))) await checkContainer(ctx, container, mend, found)
  await checkMounts(host, lxcpath, mend, found)
  await checkTrash(host, lxcpath, mend, found)
  try {
    await checkEntries(host, lxcpath, mend, found)
  } catch (error) {
    // What a damaged file refers to is unknown: nothing is removed, and the rest was looked at.
    if (!(error instanceof TlxcError)) throw error
    if (found.every(({ message }) => message !== error.message)) found.push({ kind: 'damaged', subject: lxcpath, message: error.message, mended: false })
  }
  return found
}

function containerNames(host: Host, lxcpath: string): string[] {
  if (!host.fs.existsSync(lxcpath)) return []
  return host.fs.readdirSync(lxcpath).filter((name) => nameProblem(name) === null && host.fs.statSync(`${lxcpath}/${name}`, { throwIfNoEntry: false })?.isDirectory() === true)
}

function checkPool(host: Host, lxcpath: string, mend: boolean, found: StorageFinding[]): void {
  const pool = poolDir(lxcpath)
  for (const directory of [pool, `${pool}/meta`, `${lxcpath}/.trash`]) {
    const stat = host.fs.lstatSync(directory, { throwIfNoEntry: false })
    if (stat === undefined || (stat.mode & 0o77) === 0) continue
    if (mend) host.fs.chmodSync(directory, 0o700)
    found.push({ kind: 'open-pool', subject: directory, message: 'others can enter it, and set-uid files in it are set-uid on this machine', mended: mend })
  }
}

async function checkContainer(ctx: DestroyContext, container: Container, mend: boolean, found: StorageFinding[]): Promise<void> {
  const { host } = ctx
  const { name } = container
  try {
    await withLock(host, container, 'check', mend ? ctx.lockTimeoutMs : 0, () => checkLocked(ctx, container, mend, found))
  } catch (error) {
    if (!(error instanceof TlxcError)) throw error
    found.push({ kind: error.code === 'BUSY' ? 'busy' : 'damaged', subject: name, message: error.message, mended: false })
  }
}

async function checkLocked(ctx: DestroyContext, container: Container, mend: boolean, found: StorageFinding[]): Promise<void> {
  const { host } = ctx
  const { name, dir } = container
  const tell = (kind: StorageFinding['kind'], message: string, mended = mend): void => void found.push({ kind, subject: name, message, mended })
  // Whom we waited for was destroying or renaming it.
  if (!host.fs.existsSync(dir)) return
  // We hold the lock, so nobody is making it.
  if (isPartial(host, container)) {
    tell('partial', 'its creation was interrupted')
    if (mend) await sweepPartial(host, container)
    return
  }
  const running = (await containerStatus(host, container, { locked: true })) !== null
  if (!running && isLeftOver(host, container)) {
    if (mend) await destroyLeftOver(ctx, container)
    return tell('ephemeral', 'it was to vanish when it stopped')
  }
  const journal = readJournal(host, dir)
  if (journal !== null) tell('interrupted', `${journal.purpose} was interrupted`)
  if (sweepLeft(host, dir, false)) tell('hidden-files', 'a command was killed while it was writing there')
  if (mend && openLayers(host, container) === null) await sweepPlain(host, container)
  const dead = deadClones(host, container)
  if (dead.length > 0) {
    tell('dead-clone', `lxc_snapshots names ${dead.map((clone) => clone.name).join(', ')}, which is no more`)
    if (mend) await forgetClones(host, container, dead)
  }
  const stack = readStack(host, dir)
  if (stack === null && ourMountPoints(host).includes(viewOf(dir))) tell('damaged', 'its storage.json is gone: restore it from a backup; what is mounted on its rootfs tells the names in it', false)
  if (stack === null || !isComplete(host, container, stack, tell)) return
  if (running) return
  if (mountPoints(host).includes(viewOf(dir))) {
    if (!host.fs.existsSync(newNameFile(dir))) return
    tell('interrupted', 'it was renamed, and its host name is still the old one')
    if (mend) await showFiles(host, container)
    return
  }
  tell('view-missing', 'its files are not shown in its directory')
  if (mend) await showFiles(host, container, { doubt: true })
}

/** What is gone cannot be mended: it is named. */
function isComplete(host: Host, { lxcpath }: Container, { upper, lowers }: Stack, tell: (kind: StorageFinding['kind'], message: string, mended: boolean) => void): boolean {
  const pool = poolDir(lxcpath)
  const gone = lowers.filter((name) => !host.fs.existsSync(`${pool}/${name}`))
  for (const name of gone) tell('missing-layer', `layer ${name} is gone; restore "${pool}/${name}" from a backup, or a snapshot that does without it`, false)
  if (host.fs.existsSync(`${pool}/${upper}/up`)) return gone.length === 0
  tell('missing-upper', `its writable layer ${upper} is gone; tlxc-snapshot -r restores a snapshot`, false)
  return false
}

/** Views of containers that are no more, and read-only ones of snapshots that are no more. */
async function checkMounts(host: Host, lxcpath: string, mend: boolean, found: StorageFinding[]): Promise<void> {
  for (const path of ourMountPoints(host).filter((mount) => mount.startsWith(`${lxcpath}/`))) {
    const [, name = '', rest = ''] = /^([^/]+)\/(.*)$/.exec(path.slice(lxcpath.length + 1)) ?? []
    const view = rest === 'rootfs' || /^snaps\/[^/]+\/rootfs$/.test(rest)
    const inPool = name === '.pool' && kindOf(rest) === 'temporary' && !readClaims(host, poolDir(lxcpath)).alive.has(rest)
    const orphan = view && !name.startsWith('.') && !['storage.json', 'config'].some((file) => host.fs.existsSync(`${lxcpath}/${name}/${file}`))
    if (!orphan && !inPool) continue
    if (mend) await runStorage(host, [{ op: 'unmount', path }])
    found.push({ kind: 'stale-mount', subject: path, message: 'it is mounted for nobody', mended: mend })
  }
}

/** What cannot be brought back was on its way out. */
async function checkTrash(host: Host, lxcpath: string, mend: boolean, found: StorageFinding[]): Promise<void> {
  for (const subject of goingInTrash(host, lxcpath)) found.push({ kind: 'half-removed', subject, message: 'its removal was interrupted', mended: mend })
  if (mend) await sweepTrash(host, lxcpath)
}

async function checkEntries(host: Host, lxcpath: string, mend: boolean, found: StorageFinding[]): Promise<void> {
  const pool = poolDir(lxcpath)
  if (!host.fs.existsSync(pool)) return
  for (const name of readClaims(host, pool).dead) {
    if (mend) release(host, pool, name)
    found.push({ kind: 'dead-claim', subject: name, message: 'the command that was making it is gone', mended: mend })
  }
  checkReferences(host, lxcpath, found)
  const dangling = await withPoolLock(host, lxcpath, 'check', POOL_TIMEOUT_MS, () => Promise.resolve(unreferenced(host, lxcpath)))
  const removed = mend && (await removeEntries(host, lxcpath, dangling))
  for (const name of dangling) found.push({ kind: 'dangling', subject: name, message: 'nothing refers to it', mended: removed })
  for (const name of strayMetadata(host, pool)) {
    if (mend) forgetEntry(host, pool, name)
    found.push({ kind: 'stray-metadata', subject: name, message: 'what it describes is gone', mended: mend })
  }
}

/** Snapshots and what is in the trash: containers' own stacks are looked at under their locks. */
function checkReferences(host: Host, lxcpath: string, found: StorageFinding[]): void {
  const pool = poolDir(lxcpath)
  for (const { file, names } of references(host, lxcpath)) {
    if (!/\/snaps\/[^/]+\/storage\.json$|\/\.trash\//.test(file)) continue
    for (const name of names) {
      if (kindOf(name) !== 'layer' || host.fs.existsSync(`${pool}/${name}`)) continue
      found.push({ kind: 'missing-layer', subject: file, message: `layer ${name} is gone`, mended: false })
    }
  }
}
