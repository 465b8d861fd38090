/** Option strings of fstab lines → attributes, propagation, filesystem options. */
import type { BindKind, CreateKind, MountAttr, MountOption, Propagation } from '../protocol/generated.ts'

export interface MountOptions {
  bind: BindKind
  attrs: MountAttr[]
  propagation: Propagation[]
  /** What is not for the VFS. */
  options: MountOption[]
  create: CreateKind
  optional: boolean
  relative: boolean
  remount: boolean
  move: boolean
  /** Of idmap=. */
  idmap?: string
}

interface Effect {
  add?: MountAttr
  /** These go: an access time mode replaces the other ones. */
  drop?: readonly MountAttr[]
}

const ATIMES: readonly MountAttr[] = ['noatime', 'strictatime', 'relatime']

/** mount(8), "filesystem-independent mount options". */
const EFFECTS: Readonly<Record<string, Effect>> = {
  defaults: {},
  ro: { add: 'rdonly' },
  rw: { drop: ['rdonly'] },
  nosuid: { add: 'nosuid' },
  suid: { drop: ['nosuid'] },
  nodev: { add: 'nodev' },
  dev: { drop: ['nodev'] },
  noexec: { add: 'noexec' },
  exec: { drop: ['noexec'] },
  noatime: { add: 'noatime', drop: ATIMES },
  atime: { drop: ['noatime'] },
  strictatime: { add: 'strictatime', drop: ATIMES },
  nostrictatime: { drop: ['strictatime'] },
  relatime: { add: 'relatime', drop: ATIMES },
  norelatime: { drop: ['relatime'] },
  nodiratime: { add: 'nodiratime' },
  diratime: { drop: ['nodiratime'] },
  nosymfollow: { add: 'nosymfollow' },
  symfollow: { drop: ['nosymfollow'] },
  sync: { add: 'sync' },
  async: { drop: ['sync'] },
  dirsync: { add: 'dirsync' },
  lazytime: { add: 'lazytime' },
  nolazytime: { drop: ['lazytime'] },
  mand: { add: 'mand' },
  nomand: { drop: ['mand'] },
}

const PROPAGATIONS: Readonly<Record<string, Propagation>> = {
  private: 'private',
  rprivate: 'rprivate',
  shared: 'shared',
  rshared: 'rshared',
  slave: 'slave',
  rslave: 'rslave',
  unbindable: 'unbindable',
  runbindable: 'runbindable',
}

/** Never throws: what is not known goes to the filesystem, as with mount(8). Later options win over earlier ones. */
export function parseMountOptions(options: readonly string[]): MountOptions {
  const result: MountOptions = {
    bind: 'none',
    attrs: [],
    propagation: [],
    options: [],
    create: 'none',
    optional: false,
    relative: false,
    remount: false,
    move: false,
  }
  for (const option of options) if (option !== '') applyOption(result, option)
  return result
}

function applyOption(result: MountOptions, option: string): void {
  const effect = lookup(EFFECTS, option)
  const propagation = lookup(PROPAGATIONS, option)
  if (effect !== undefined) applyEffect(result, effect)
  else if (propagation !== undefined) result.propagation.push(propagation)
  else if (option === 'bind' || option === 'rbind') result.bind = option
  else if (option === 'create=dir' || option === 'create=file') result.create = option === 'create=dir' ? 'dir' : 'file'
  else if (option === 'optional' || option === 'relative' || option === 'remount' || option === 'move') result[option] = true
  else if (option.startsWith('idmap=')) result.idmap = option.slice('idmap='.length)
  else result.options.push(filesystemOption(option))
}

function applyEffect(result: MountOptions, { add, drop = [] }: Effect): void {
  result.attrs = result.attrs.filter((attr) => attr !== add && !drop.includes(attr))
  if (add !== undefined) result.attrs.push(add)
}

function filesystemOption(option: string): MountOption {
  const equals = option.indexOf('=')
  return equals < 0 ? { key: option } : { key: option.slice(0, equals), value: option.slice(equals + 1) }
}

/** Options come from people: "constructor" must not find one of Object.prototype. */
function lookup<T>(table: Readonly<Record<string, T>>, key: string): T | undefined {
  return Object.hasOwn(table, key) ? table[key] : undefined
}
