/** One name for one directory: locks, run directories and mounts of a container are found by it, whichever link led there. */
import { dirname } from 'node:path'
import type { Host } from './host.ts'

/** An absolute path without links, as far as it is there. */
export function realPath(fs: Host['fs'], path: string): string {
  try {
    return fs.realpathSync(path)
  } catch {
    const parent = dirname(path)
    if (parent === path) return path
    const real = realPath(fs, parent)
    return `${real === '/' ? '' : real}/${path.slice(path.lastIndexOf('/') + 1)}`
  }
}
