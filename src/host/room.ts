/** How much of what strangers made may be unpacked on a filesystem. */
import type { Host } from './host.ts'

export interface Room {
  readonly maxBytes: number
  /** Files, directories and so on. */
  readonly maxEntries: number
}

/** Left free for others, and for what a filesystem needs itself: a fiftieth, and of a large one this. */
const LARGEST_RESERVE = 1 << 30

/** What the filesystem of `path` has free. */
export function roomAt(host: Pick<Host, 'fs'>, path: string): Room {
  const { blocks, bavail, bsize, files, ffree } = host.fs.statfsSync(path)
  const reserve = Math.min(LARGEST_RESERVE, (blocks * bsize) / 50)
  // btrfs counts no inodes.
  return { maxBytes: Math.max(0, bavail * bsize - reserve), maxEntries: files === 0 ? Number.MAX_SAFE_INTEGER : ffree }
}
