/** Keys about namespaces, ids, the root filesystem and what is mounted on it. */
import { bool, size } from '../codecs/number.ts'
import { absolutePath, text } from '../codecs/text.ts'
import { idmap } from '../codecs/idmap.ts'
import { namespace, timeOffset } from '../codecs/kernel.ts'
import { autoToken, mountEntry, rootfsOptions, rootfsPath } from '../codecs/mount.ts'
import { list, located, locatedScalar, scalar, subkeys, wordList } from './row.ts'

export const NAMESPACES = {
  timeOffsetBoot: scalar(
    'lxc.time.offset.boot', timeOffset, '10h', 'Offset of the boot clock inside (time namespace).', { since: '4.0', unset: '0 ns\n' },
  ),
  timeOffsetMonotonic: scalar(
    'lxc.time.offset.monotonic', timeOffset, '-5s', 'Offset of the monotonic clock inside (time namespace).',
    { since: '4.0', unset: '0ns\n' },
  ),
  idmap: located(list(
    'lxc.idmap', idmap, 'u 0 100000 65536',
    'Range of ids inside mapped to ids of the host; one line with u and one with g make the container unprivileged.',
  )),
}

/** Several lines add up to one set. */
export const NAMESPACE_SETS = {
  namespaceClone: wordList(
    'lxc.namespace.clone', namespace, 'mnt pid uts ipc net', 'Namespaces to make; not together with lxc.namespace.keep.',
  ),
  namespaceKeep: wordList('lxc.namespace.keep', namespace, 'net', 'Namespaces to keep from the caller; all others are made.'),
}

export const NAMESPACE_SUBKEYS = {
  namespaceShare: subkeys(
    'lxc.namespace.share', text, 'scalar', 'web',
    'lxc.namespace.share.KIND: take the namespace of another container (name or path) or process (id).', { unset: '(null)' },
  ),
}

export const MOUNTS = {
  rootfs: locatedScalar(
    'lxc.rootfs.path', rootfsPath, 'dir:/var/lib/tlxc/web/rootfs',
    'Where the root filesystem is; without it the container uses that of the host.',
  ),
  rootfsMount: scalar(
    'lxc.rootfs.mount', absolutePath, '/mnt', 'Directory on which the root filesystem is mounted, in the private mount namespace.',
  ),
  rootfsOptions: scalar(
    'lxc.rootfs.options', rootfsOptions, 'ro,idmap=container',
    'Mount options of the root filesystem; idmap=container: files keep unshifted ids on disk.',
  ),
  rootfsManaged: scalar(
    'lxc.rootfs.managed', bool, '0', '0: the storage is not ours to make or destroy; default 1.', { since: '4.0', unset: '1' },
  ),
  mountFstab: scalar('lxc.mount.fstab', absolutePath, '/var/lib/tlxc/web/fstab', 'File in fstab(5) format with more mounts.'),
  mountEntries: located(list(
    'lxc.mount.entry', mountEntry, '/srv/data srv/data none bind,create=dir 0 0',
    'A line of fstab(5); a relative target is below the root filesystem. Also create=dir|file, optional, relative, idmap=container.',
  )),
  mountAuto: located(wordList(
    'lxc.mount.auto', autoToken, 'proc:mixed sys:mixed cgroup:mixed',
    'Mounts that are made by themselves: proc, sys, cgroup, shmounts; a later one replaces an earlier one of its kind.',
  )),
  autodev: scalar('lxc.autodev', bool, '1', 'Mount a small /dev and fill it; default 1.', { unset: '1', empty: '0' }),
  autodevTmpfsSize: scalar(
    'lxc.autodev.tmpfs.size', size, '1MB', 'Size of that /dev in bytes; default 500000.', { since: '4.0', unset: '0', empty: '500000' },
  ),
}
