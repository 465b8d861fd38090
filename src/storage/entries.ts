/** New entries of the pool: claimed while they are made, removed when that fails. */
import type { Host } from '../host/host.ts'
import { unreferenced } from './collect.ts'
import { claim, forgetEntry, openPool, release } from './pool.ts'
import { removeTree } from './trash.ts'

/** Names for new entries, and what becomes of them when it fails. */
export interface NewEntries {
  pool: string
  /** live: while a running snapshot is copied into it, nothing in the pool is deleted. */
  layer(options?: { live?: boolean }): string
  upper(): string
  temporary(): string
}

/**
 * Runs fn with names of its own; afterwards they are nobody's any more: what fn has committed is referred to, and what a failure left
 * is removed.
 */
export async function withEntries<T>(host: Host, lxcpath: string, fn: (entries: NewEntries) => Promise<T>): Promise<T> {
  const pool = openPool(host, lxcpath)
  const claimed: string[] = []
  const take = (kind: 'layer' | 'upper' | 'temporary', options = {}): string => {
    const name = claim(host, pool, kind, options)
    claimed.push(name)
    return name
  }
  try {
    return await fn({ pool, layer: (options) => take('layer', options), upper: () => take('upper'), temporary: () => take('temporary') })
  } catch (error) {
    await removeLeft(host, lxcpath, pool, claimed)
    throw error
  } finally {
    release(host, pool, ...claimed)
  }
}

/** A failed undo keeps its journal, and with it what it names. */
async function removeLeft(host: Host, lxcpath: string, pool: string, claimed: readonly string[]): Promise<void> {
  release(host, pool, ...claimed)
  try {
    const nobodys = new Set(unreferenced(host, lxcpath))
    for (const name of claimed.filter((one) => nobodys.has(one) || !host.fs.existsSync(`${pool}/${one}`))) {
      await removeTree(host, `${pool}/${name}`)
      forgetEntry(host, pool, name)
    }
  } catch {
    // The error that brought us here is the one to tell; collection gets the rest.
  }
}

/** Path of an entry as journals have it: relative to lxcpath. */
export function inPool(name: string): string {
  return `.pool/${name}`
}
