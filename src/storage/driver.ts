/**
 * storage/: where a container's files are. It knows nothing of containers' lives: it gets directories and names, and gives paths.
 * Nothing here reads a configuration, runs a template or prints. This file: what every kind of storage can do.
 */
import type { Host } from '../host/host.ts'

/** Whose files; all that a driver may know of a container. */
export interface StoragePlace {
  name: string
  lxcpath: string
  /** LXCPATH/NAME, 0700: set-uid files of the container are set-uid on the host's disk, so nobody may reach them. */
  directory: string
  /** --dir: put the files here instead. */
  elsewhere?: string
}

/**
 * One kind of storage. A template always fills a plain directory: prepare() makes it, commit() takes it over once the template is
 * done (a layered driver turns it into the first layer by one rename, and mounts the stack in its place).
 */
export interface StorageDriver {
  /** As in "lxc.rootfs.path = TYPE:PATH" and -B TYPE. */
  readonly type: string
  /** What stands before the colon in lxc.rootfs.path; default: type. */
  readonly configType?: string
  /** Whether containers below lxcpath can have it; default: yes. For lists of types, of which the first usable one is taken. */
  usable?(host: Host, lxcpath: string): boolean
  /** Where the template writes, and what lxc.rootfs.path says after "TYPE:". */
  rootfs(place: StoragePlace): string
  /** Makes the directory that the template fills. Throws TlxcError STORAGE, EXISTS. */
  prepare(host: Host, place: StoragePlace): Promise<void>
  /** The template is done: checks it, and makes it the container's file system. Throws TlxcError STORAGE, SPACE. */
  commit(host: Host, place: StoragePlace): Promise<void>
  /**
   * Removes the files at `rootfs` (the path of lxc.rootfs.path). Also undoes prepare(); nothing there is no error.
   * Throws TlxcError BUSY when something is mounted in it.
   */
  destroy(host: Host, place: StoragePlace, rootfs: string): Promise<void>
  /** Whether copy() of a running system into that directory is consistent; default: no. */
  copiesAtomically?(host: Host, from: string, directory: string): boolean
  /** An independent copy of a root file system that nobody changes meanwhile; `to` does not exist. Throws TlxcError SPACE, STORAGE; then `to` is gone. */
  copy(host: Host, from: string, to: string): Promise<void>
  /** Removes what copy() made; nothing there is no error. lxcpath: a directory of the same filesystem, for its trash. */
  remove(host: Host, lxcpath: string, path: string): Promise<void>
}
