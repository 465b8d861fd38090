/** What tlxc-copy and tlxc-clone do once their options are read. */
import { randomBytes } from 'node:crypto'
import type { Context } from '../cli/command.ts'
import { copyContainer } from '../container/copy.ts'
import { TlxcError } from '../errors.ts'
import { requireDefined } from '../container/require.ts'
import { containerAt } from '../container/store.ts'
import { renderJson } from '../render/json.ts'
import { startProgress } from '../render/progress.ts'
import { mountEntry, parseMounts, type ExtraMount } from './copy-mounts.ts'

export interface CopyRequest {
  name: string
  lxcpath: string
  newName: string
  newPath: string
  share: boolean
  storage?: 'overlay' | 'dir' | 'btrfs'
  rcfile?: string
  allowRunning: boolean
  keepName: boolean
  keepMac: boolean
  hookArgs: readonly string[]
}

/** Resolves with the words of lxc-clone: "copy" or "snapshot". */
export async function runCopy(ctx: Context, request: CopyRequest): Promise<'copy' | 'snapshot'> {
  const { name, lxcpath, ...options } = request
  const progress = startProgress(ctx.stderr, `${name}: copy to ${options.newName}`)
  try {
    const { container, shared } = await copyContainer(ctx, containerAt(ctx.host, lxcpath, name), { ...options, relate: options.share })
    if (ctx.json) ctx.stdout.write(renderJson('copy', { task: 'copy', name: container.name, lxcpath: container.lxcpath, origin: name, shared, exit_code: null }))
    return shared ? 'snapshot' : 'copy'
  } finally {
    progress.end()
  }
}

export async function runRename(ctx: Context, name: string, newName: string, keepName: boolean): Promise<void> {
  const { renameContainer } = await import('../container/rename.ts')
  const container = await renameContainer(ctx, containerAt(ctx.host, ctx.lxcpath, name), newName, { keepName })
  if (ctx.json) ctx.stdout.write(renderJson('copy', { task: 'rename', name: container.name, lxcpath: container.lxcpath, origin: name, shared: false, exit_code: null }))
}

export interface EphemeralRequest {
  name: string
  newName?: string
  newPath: string
  keepData: boolean
  memory: boolean
  storage?: 'overlay' | 'dir' | 'btrfs'
  rcfile?: string
  keepName: boolean
  keepMac: boolean
  allowRunning: boolean
  mounts: string | null
  foreground: boolean
  hookArgs: readonly string[]
  command: readonly string[]
}

export async function runEphemeral(ctx: Context, request: EphemeralRequest): Promise<number> {
  const { makeEphemeral, runInEphemeral, startEphemeral } = await import('../container/ephemeral.ts')
  const from = containerAt(ctx.host, ctx.lxcpath, request.name)
  requireDefined(ctx.host, from)
  const extra = request.mounts === null ? [] : parseMounts(request.mounts)
  const { container, shared } = await makeEphemeral(ctx, from, { ...request, mounts: (directory) => extra.map((mount) => entryOf(ctx, mount, directory)) })
  for (const mount of extra) if (mount.kind === 'overlay') ctx.log.info(`${mount.source} is covered by an overlay`)
  if (!ctx.json) ctx.stdout.write(`Created ${container.name} as clone of ${from.name}\n${request.memory ? IN_MEMORY : ''}`)
  const exitCode = request.command.length === 0 ? await startEphemeral(ctx, container, request) : await startAndRun()
  if (ctx.json) ctx.stdout.write(renderJson('copy', { task: 'ephemeral', name: container.name, lxcpath: container.lxcpath, origin: from.name, shared, exit_code: exitCode }))
  return exitCode

  async function startAndRun(): Promise<number> {
    await startEphemeral(ctx, container, { ...request, foreground: false })
    return runInEphemeral(ctx, container, request.command)
  }
}

/** The first line is LXC's; the second says "Rebooting" there, which ours survives. */
const IN_MEMORY = 'Container is placed on tmpfs.\nStopping it will cause all changes made to it to be lost!\n'

/** The directories of an overlay mount lie in the container's own, as with lxc-copy, and go with it. */
function entryOf(ctx: Context, mount: ExtraMount, directory: string): string {
  const found = ctx.host.fs.statSync(mount.source, { throwIfNoEntry: false })
  if (found === undefined) throw new TlxcError('USAGE', `cannot mount "${mount.source}": there is no such file or directory`, { hint: 'correct it in -m' })
  const id = randomBytes(3).toString('hex')
  return mountEntry(mount, !found.isDirectory(), { upper: `${directory}/delta#${id}`, work: `${directory}/work#${id}` })
}

/** The kinds of storage that -B may name here; LXC's names for the same. */
export function storageOf(value: unknown): { storage?: 'overlay' | 'dir' | 'btrfs' } {
  if (typeof value !== 'string') return {}
  const type = value === 'overlayfs' ? 'overlay' : value
  if (type === 'overlay' || type === 'dir' || type === 'btrfs') return { storage: type }
  if (['zfs', 'lvm', 'loop', 'rbd', 'nbd', 'aufs', 'best', 'none'].includes(type)) {
    throw new TlxcError('UNSUPPORTED', `storage type ${value} is not supported by this version`, { hint: 'use overlay, dir or btrfs' })
  }
  throw new TlxcError('USAGE', `${value} is not a valid backing storage type`, { hint: 'these are: overlay, dir, btrfs' })
}
