/** The mounts of a container: lxc.mount.auto, lxc.mount.fstab, lxc.mount.entry, and the rootfs itself. */
import type { MountEntry } from '../config/types.ts'
import { TlxcError } from '../errors.ts'
import type { Mount, MountFrom, Namespace, Rootfs } from '../protocol/generated.ts'
import { parseFstab } from './fstab.ts'
import { at, type LaunchInput, type Warnings } from './input.ts'
import { mount } from './mount-auto.ts'
import { parseMountOptions, type MountOptions } from './mount-options.ts'

export interface MountContext {
  rootfsMount: string
  clone: readonly Namespace[]
  warnings: Warnings
}

/** Filesystems without a source on the host; the stage makes them inside, so that they belong to the container's namespaces. */
const VIRTUAL = new Set([
  'proc', 'sysfs', 'tmpfs', 'ramfs', 'devtmpfs', 'devpts', 'mqueue', 'cgroup', 'cgroup2', 'debugfs', 'tracefs', 'securityfs', 'configfs',
  'fusectl', 'hugetlbfs', 'binfmt_misc', 'pstore', 'bpf', 'efivarfs', 'selinuxfs',
])

export function planRootfs(input: LaunchInput, context: MountContext): Rootfs {
  const { config, rootfs, facts } = input
  const options = parseMountOptions(config.rootfsOptions)
  if (options.create !== 'none' || options.optional || options.relative || options.remount || options.move) {
    throw new TlxcError('CONFIG', 'cannot use lxc.rootfs.options: an option in it means nothing for the rootfs', {
      hint: 'take out create=, optional, relative, remount and move',
    })
  }
  for (const { key } of options.options) context.warnings.add(`lxc.rootfs.options: ${key} is no option of a mounted directory, ignoring`)
  const mapped = context.clone.includes('user') && rootfs.path !== null
  // Layers lie unshifted on the disk, whatever the options say.
  const idmap = mapped && (rootfs.idmap || rootfs.overlay !== undefined || options.idmap === 'container')
  const idmapPath = options.idmap?.startsWith('/') ? options.idmap : undefined
  if (idmapPath !== undefined && rootfs.overlay !== undefined) {
    throw new TlxcError('CONFIG', `cannot use lxc.rootfs.options = idmap=${idmapPath}: the layers of ${rootfs.path ?? 'the rootfs'} follow the container's own ids`, {
      hint: 'take idmap= out of lxc.rootfs.options',
    })
  }
  if (idmap || idmapPath !== undefined) requireIdmappedMounts(facts.kernel, 'lxc.rootfs.options = idmap=')
  return {
    path: rootfs.path,
    mount_point: context.rootfsMount,
    idmap: idmap && idmapPath === undefined,
    idmap_path: idmapPath,
    attrs: options.attrs,
    propagation: options.propagation.length > 0 ? options.propagation : ['rslave'],
    ...(rootfs.overlay === undefined ? {} : { overlay: rootfs.overlay }),
  }
}

/** fstab lines first, then entries, as LXC. */
export function planEntries(input: LaunchInput, context: MountContext): Mount[] {
  const fromFile = input.fstab === undefined ? [] : parseFstab(input.fstab.text, input.fstab.file)
  return [...fromFile, ...input.config.mountEntries].flatMap((entry) => {
    const target = targetInside(entry, input, context)
    return target === null ? [] : [entryMount(entry, target, input, context)]
  })
}

function entryMount(entry: MountEntry, target: string, input: LaunchInput, context: MountContext): Mount {
  const options = parseMountOptions(entry.options)
  const isNew = options.bind === 'none' && !options.move && !options.remount
  const onlyPropagation = isNew && entry.type === 'none' && options.propagation.length > 0
  if (isNew && entry.type === 'none' && !onlyPropagation) {
    throw new TlxcError('CONFIG', `cannot mount "${entry.source}" (${at(entry.where)}): the type is none, but it is no bind mount`, {
      hint: 'add the option bind, or name the filesystem type',
    })
  }
  const from = sourceSide(entry, options, isNew)
  if (!isNew) dropFilesystemOptions(entry, options, context.warnings)
  const attrs = from === 'host' && isNew && options.attrs.includes('rdonly') ? [...options.attrs, 'sb_rdonly' as const] : options.attrs
  return mount({
    source: sourcePath(entry.source, from, isNew && !onlyPropagation),
    target,
    type: isNew ? entry.type : 'none',
    bind: onlyPropagation ? 'bind' : options.bind,
    from: onlyPropagation ? 'root' : from,
    attrs,
    options: options.options,
    propagation: options.propagation,
    create: options.create,
    optional: options.optional,
    remount: options.remount || onlyPropagation,
    move: options.move,
    idmap: entryIdmap(entry, options, input, context),
    origin: at(entry.where),
  })
}

/** Overlays name host directories in their options, and disks are the host's: the monitor mounts both. */
function sourceSide(entry: MountEntry, options: MountOptions, isNew: boolean): MountFrom {
  if (options.relative || options.move) return 'root'
  if (options.remount) return options.bind === 'none' ? 'container' : 'root'
  if (!isNew) return 'host'
  return VIRTUAL.has(entry.type) ? 'container' : 'host'
}

/** LXC's monitor works from /, so that is what a relative host source is relative to. */
function sourcePath(source: string, from: MountFrom, isNew: boolean): string {
  if (from === 'root') return source.replace(/^\/+/, '')
  if (from === 'host' && !isNew && !source.startsWith('/')) return `/${source}`
  return source
}

/** mount(2) ignores them on a bind; fsconfig(2) would refuse. */
function dropFilesystemOptions(entry: MountEntry, options: MountOptions, warnings: Warnings): void {
  if (options.remount && options.bind === 'none') return
  for (const { key } of options.options) warnings.add(`the option "${key}" has no effect on a bind mount, ignoring`, entry.where)
  options.options = []
}

function entryIdmap(entry: MountEntry, options: MountOptions, input: LaunchInput, context: MountContext): string | undefined {
  const { idmap } = options
  if (idmap === undefined) return undefined
  if (idmap !== 'container' && !idmap.startsWith('/')) {
    throw new TlxcError('CONFIG', `cannot use idmap=${idmap} (${at(entry.where)}): it names no user namespace`, {
      hint: 'idmap=container, or the path of a user namespace file',
    })
  }
  if (idmap === 'container' && !context.clone.includes('user')) {
    context.warnings.add('idmap=container means nothing without lxc.idmap, ignoring', entry.where)
    return undefined
  }
  requireIdmappedMounts(input.facts.kernel, `idmap= (${at(entry.where)})`)
  return idmap
}

function requireIdmappedMounts([major, minor]: readonly [number, number], what: string): void {
  if (major > 5 || (major === 5 && minor >= 12)) return
  throw new TlxcError('KERNEL', `cannot use ${what}: Linux ${major}.${minor} has no id-mapped mounts`, {
    hint: 'use Linux 5.12 or later, or shift the ids of the files and leave the option out',
  })
}

/** Relative to the rootfs; null: the entry is ignored, with LXC's warning. */
function targetInside(entry: MountEntry, input: LaunchInput, context: MountContext): string | null {
  const inside = entry.target.startsWith('/') ? stripRootfs(entry.target, input, context) : entry.target
  if (inside === null) {
    context.warnings.add(`the mount target "${entry.target}" is not below the rootfs, ignoring the entry`, entry.where)
    return null
  }
  const parts = inside.split('/').filter((part) => part !== '' && part !== '.')
  if (parts.length === 0 || parts.includes('..')) {
    throw new TlxcError('CONFIG', `cannot mount on "${entry.target}" (${at(entry.where)}): it is no path below the rootfs`, {
      hint: 'write the path inside the container, without ".."',
    })
  }
  return parts.join('/')
}

function stripRootfs(target: string, { lxcpath, name, rootfs, config }: LaunchInput, { rootfsMount }: MountContext): string | null {
  if (rootfs.path === null) return target
  for (const prefix of [rootfs.path, config.rootfs?.path, `${lxcpath}/${name}/rootfs`, rootfsMount]) {
    if (prefix !== undefined && target.startsWith(`${prefix}/`)) return target.slice(prefix.length + 1)
  }
  return null
}
