/** Every path that tlxc uses, from a root (default /) and the place it is installed at. Pure. */
import { sha256Hex } from '../hash.ts'

export interface Paths {
  readonly root: string
  /** /proc, whatever the root: only a test that makes processes up has another. */
  readonly proc: string
  /** /etc/tlxc */
  readonly sysconf: string
  /** /etc/tlxc/tlxc.conf */
  readonly systemConfig: string
  /** /run/tlxc */
  readonly run: string
  /** /var/lib/tlxc */
  readonly lxcpath: string
  /** /var/cache/tlxc */
  readonly cache: string
  /** /var/log/tlxc */
  readonly log: string
  /** PREFIX/libexec/tlxc: native helpers monitor, stage, attach */
  readonly libexec: string
  /** PREFIX/share/tlxc/templates */
  readonly templates: string
  /** PREFIX/share/tlxc/config */
  readonly configIncludes: string
  /** PREFIX/share/tlxc/hooks */
  readonly hooks: string
  /** Where a rootfs is mounted in the monitor's private namespace: PREFIX/lib/tlxc/rootfs */
  readonly rootfsMount: string
}

/** prefix: directory that has libexec/tlxc, share/tlxc and lib/tlxc. */
export function makePaths(prefix: string, root = ''): Paths {
  return {
    root: root || '/',
    proc: '/proc',
    sysconf: `${root}/etc/tlxc`,
    systemConfig: `${root}/etc/tlxc/tlxc.conf`,
    run: `${root}/run/tlxc`,
    lxcpath: `${root}/var/lib/tlxc`,
    cache: `${root}/var/cache/tlxc`,
    log: `${root}/var/log/tlxc`,
    libexec: `${prefix}/libexec/tlxc`,
    templates: `${prefix}/share/tlxc/templates`,
    configIncludes: `${prefix}/share/tlxc/config`,
    hooks: `${prefix}/share/tlxc/hooks`,
    // Root of a container must be able to enter it, and a checkout may lie where it cannot (/root): with a root of its own it is there.
    rootfsMount: root === '' ? `${prefix}/lib/tlxc/rootfs` : `${root}/lib/tlxc/rootfs`,
  }
}

/** Runtime directory of everything below one lxcpath; hashed because a socket's path is limited to 107 bytes (unix(7)). */
export function runBase(paths: Paths, lxcpath: string): string {
  return `${paths.run}/${hashOf(lxcpath)}`
}

const hashes = new Map<string, string>()

/** Kept: a list asks for the same lxcpath with every container. */
function hashOf(lxcpath: string): string {
  const known = hashes.get(lxcpath)
  if (known !== undefined) return known
  const hash = sha256Hex(lxcpath).slice(0, 12)
  hashes.set(lxcpath, hash)
  return hash
}

export function runDir(paths: Paths, lxcpath: string, name: string): string {
  return `${runBase(paths, lxcpath)}/${name}`
}

export function eventsDir(paths: Paths, lxcpath: string): string {
  return `${runBase(paths, lxcpath)}/.events`
}
