/** Which kinds of storage there are, and which one a -B option means. */
import { TlxcError } from '../errors.ts'
import { dirStorage } from './dir.ts'
import { btrfsStorage } from './btrfs.ts'
import type { StorageDriver } from './driver.ts'
import { overlayStorage } from './overlay.ts'

const DRIVERS: readonly StorageDriver[] = [overlayStorage, dirStorage, btrfsStorage]

/** LXC's names. "none" and "dir" are the same to it. */
const KNOWN = ['dir', 'none', 'btrfs', 'zfs', 'lvm', 'loop', 'rbd', 'nbd', 'overlay', 'overlayfs']

/** "best": LXC tries btrfs, zfs, lvm, dir, rbd; layers are better than a plain directory. */
const BEST = ['btrfs', 'overlay', 'dir']

/**
 * The first usable one of a comma-separated list. Throws TlxcError USAGE for a name that LXC does not know either, UNSUPPORTED
 * when none of them can be had.
 */
export function chooseStorage(list: string, isUsable: (driver: StorageDriver) => boolean = () => true): StorageDriver {
  const types = list === 'best' ? BEST : list.split(',').map((type) => type.trim())
  const unknown = types.find((type) => !KNOWN.includes(type))
  if (unknown !== undefined) {
    throw new TlxcError('USAGE', `${unknown} is not a valid backing storage type`, { hint: `these are: ${[...KNOWN, 'best'].join(', ')}` })
  }
  for (const type of types) {
    const driver = findStorage(type)
    // A single type is what was asked for: why it cannot be had is told when it is made.
    if (driver && (types.length === 1 || isUsable(driver))) return driver
  }
  throw unsupportedStorage(types.join(', '))
}

/** The driver of a type, undefined when this version has none. */
export function findStorage(type: string): StorageDriver | undefined {
  const known = type === 'none' ? 'dir' : type === 'overlayfs' ? 'overlay' : type
  return DRIVERS.find((driver) => driver.type === known)
}

export function unsupportedStorage(type: string): TlxcError {
  return new TlxcError('UNSUPPORTED', `storage type ${type} is not supported by this version`, { hint: 'use -B overlay or -B dir' })
}
