/**
 * The mark of a container that is being made: LXCPATH/NAME/partial, as LXC names it. It is there from the first mkdir to the last
 * rename of a create. Who holds the container's lock and finds it, finds the rest of a create that was killed.
 */
import { errnoOf } from '../errors.ts'
import type { Host } from '../host/host.ts'
import type { Container } from './store.ts'
import { poolAbove } from '../storage/pool.ts'
import { readStack } from '../storage/stack.ts'
import { discard } from '../storage/trash.ts'
import { collectLayers, hideFiles } from './layers.ts'
import { dropClone, originsOf } from './relations.ts'

export function isPartial(host: Host, container: Container): boolean {
  return host.fs.existsSync(partialFile(container)) || isEmpty(host, container)
}

/** Killed between the mkdir and the mark, or while it was swept away: nothing is in it but an empty mount point. */
function isEmpty(host: Host, { dir }: Container): boolean {
  return list(host, dir)?.every((entry) => entry === 'rootfs' && list(host, `${dir}/rootfs`)?.length === 0) === true
}

/** null: no directory. */
function list(host: Host, dir: string): string[] | null {
  try {
    return host.fs.readdirSync(dir)
  } catch (error) {
    if (errnoOf(error) === 'ENOENT' || errnoOf(error) === 'ENOTDIR') return null
    throw error
  }
}

/** Fails with EEXIST when it is there. */
export function markPartial(host: Host, container: Container): void {
  // Mode 0 as LXC does: nothing is to be read or written there.
  host.fs.closeSync(host.fs.openSync(partialFile(container), 'wx', 0))
}

/** The create is complete: from here on the container exists. */
export function clearPartial(host: Host, container: Container): void {
  host.fs.rmSync(partialFile(container))
}

/** Removes what a killed create left; the caller holds the container's lock. True: there was something. */
export async function sweepPartial(host: Host, container: Container): Promise<boolean> {
  if (!isPartial(host, container)) return removeEmpty(host, container.dir)
  const stack = readStack(host, container.dir)
  if (stack !== null) await hideFiles(host, { pool: poolAbove(host, container.dir), directory: container.dir, stack })
  const origins = originsOf(host, container)
  await discard(host, container.lxcpath, container.dir)
  await dropClone(host, container, origins)
  if (stack !== null) await collectLayers(host, container.lxcpath)
  return true
}

/** It was killed between the first mkdir and the mark. */
function removeEmpty(host: Host, directory: string): boolean {
  try {
    host.fs.rmdirSync(directory)
    return true
  } catch (error) {
    if (['ENOENT', 'ENOTDIR', 'ENOTEMPTY', 'EEXIST', 'EBUSY', 'EPERM'].includes(errnoOf(error) ?? '')) return false
    throw error
  }
}

function partialFile(container: Container): string {
  return `${container.dir}/partial`
}
