/** The configuration of a copy, from that of its original: as lxc-copy edits it, line by line, everything else staying as it is. Pure. */
import { ConfigDocument } from '../config/document.ts'

export interface CopyChange {
  from: { name: string; dir: string }
  to: { name: string; dir: string }
  /** TYPE:PATH; null: it has no root file system. */
  rootfs: string | null
  keepName: boolean
  keepMac: boolean
  /** -M not given: hardware addresses are made anew from these. */
  randomByte: () => number
  /** Ids of its own; null: those of the original. */
  claim: { uid: number; gid: number; count: number } | null
  ephemeral: boolean
  /** Lines added at the end: lxc.mount.entry values. */
  mounts: readonly string[]
}

/** Keys whose value is a path that may lie in the container's own directory. */
const PATH_KEYS = /^lxc\.(include|mount\.fstab|mount\.entry|hook\.[a-z-]+|console\.logfile|log\.file|seccomp\.profile)$/

export function copiedConfig(text: string, change: CopyChange): string {
  const document = ConfigDocument.parse(text)
  movePaths(document, change.from.dir, change.to.dir)
  if (!change.keepMac) renewAddresses(document, change.randomByte)
  if (change.claim !== null) {
    document.remove('lxc.idmap')
    document.append('lxc.idmap', `u 0 ${change.claim.uid} ${change.claim.count}`)
    document.append('lxc.idmap', `g 0 ${change.claim.gid} ${change.claim.count}`)
  }
  // Removed and written at the end, where lxc-copy has them.
  document.remove('lxc.rootfs.path')
  if (change.rootfs !== null) document.append('lxc.rootfs.path', change.rootfs)
  if (!change.keepName) {
    document.remove('lxc.uts.name')
    document.append('lxc.uts.name', change.to.name)
  }
  if (change.ephemeral) document.set('lxc.ephemeral', '1')
  for (const entry of change.mounts) document.append('lxc.mount.entry', entry)
  return document.toString()
}

/** The same container under another name: its directory is another one, its addresses stay. */
export function renamedConfig(text: string, from: { name: string; dir: string }, to: { name: string; dir: string }, keepName: boolean): string {
  const document = ConfigDocument.parse(text)
  movePaths(document, from.dir, to.dir)
  for (const { index, key, value } of document.pairs()) {
    if (key === 'lxc.rootfs.path') document.setAt(index, moved(value, from.dir, to.dir))
    if (key === 'lxc.uts.name' && value === from.name && !keepName) document.setAt(index, to.name)
  }
  return document.toString()
}

/** Whether every id of it comes from one range, as tlxc-create makes them: then a copy can have a range of its own. */
export function hasOwnRange(text: string): boolean {
  const values = ConfigDocument.parse(text).values('lxc.idmap')
  return values.length === 2 && values.every((value) => /^[ug] 0 \d+ 65536$/.test(value)) && new Set(values.map((value) => value[0])).size === 2
}

function movePaths(document: ConfigDocument, from: string, to: string): void {
  for (const { index, key, value } of document.pairs()) {
    if (PATH_KEYS.test(key) && value.includes(`${from}/`)) document.setAt(index, moved(value, from, to))
  }
}

/** Only whole path components: /var/lib/tlxc/web is no part of /var/lib/tlxc/web2. */
function moved(value: string, from: string, to: string): string {
  return value.split(`${from}/`).join(`${to}/`)
}

/** Addresses that were written down: the vendor's part stays, so that rules by prefix hold. */
function renewAddresses(document: ConfigDocument, randomByte: () => number): void {
  for (const { index, key, value } of document.pairs()) {
    if (!/^lxc\.net\.\d+\.hwaddr$/.test(key) || !/^([0-9a-f]{2}:){5}[0-9a-f]{2}$/i.test(value)) continue
    const tail = Array.from({ length: 3 }, () => randomByte().toString(16).padStart(2, '0')).join(':')
    document.setAt(index, `${value.slice(0, 9)}${tail}`)
  }
}
