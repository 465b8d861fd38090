/** Which container it is, beside its name: one that is made later under the same name is another one. */
import type { Host } from '../host/host.ts'

/** Inode and time of birth of its directory: an inode alone is soon used again. null: it is not there. A rename keeps them. */
export function madeOf(host: Host, directory: string): string | null {
  const found = host.fs.lstatSync(directory, { bigint: true, throwIfNoEntry: false })
  return found === undefined ? null : `${found.ino}-${found.birthtimeNs}`
}
