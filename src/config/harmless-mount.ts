/** Which mounts may be taken from the configuration of a stranger (an image, an archive): only those of a new, empty file system. */
import { ValueError } from './codecs/codec.ts'
import { mountEntry } from './codecs/mount.ts'

/** With nothing of this machine, or of its kernel, in them: a /proc of a stranger's own would be one without the masks of ours. */
const EMPTY_FILESYSTEMS = new Set(['tmpfs', 'mqueue'])
/** With others (bind, move, remount, relative, idmap=, ...) the type means nothing, and the source is a path of this machine. */
const PLAIN_OPTION = /^(?:defaults|r[ow]|optional|create=dir|(?:no)?(?:suid|dev|exec|atime|diratime|relatime|strictatime)|(?:mode|size|uid|gid|nr_inodes)=[0-9]+[kmg%]?)$/i
const PROPAGATION = /^r?(?:private|shared|slave|unbindable)$/

/**
 * An lxc.mount.entry, or a line of fstab(5), read as the planner reads it. ownIds: the container is known to have a user namespace; then
 * the kernel itself lets nothing of its mounts get out, whatever is shared inside.
 */
export function isHarmlessMount(entry: string, { ownIds }: { ownIds: boolean }): boolean {
  try {
    const { target, type, options } = mountEntry.parse(entry)
    const isPlain = (option: string): boolean => PLAIN_OPTION.test(option) || (ownIds && PROPAGATION.test(option))
    return EMPTY_FILESYSTEMS.has(type) && options.every(isPlain) && !target.split('/').includes('..')
  } catch (error) {
    if (error instanceof ValueError) return false
    throw error
  }
}
