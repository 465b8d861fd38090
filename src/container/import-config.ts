/** The configuration of an archive, as it has to be where it is imported. */
import { randomBytes } from 'node:crypto'
import { ConfigDocument } from '../config/document.ts'
import { fillMacWildcards } from '../config/mac-wildcards.ts'
import { TlxcError } from '../errors.ts'
import { viewOf } from '../storage/view.ts'
import type { ArchiveManifest } from './archive-manifest.ts'
import type { IdClaim } from './idrange.ts'
import { standardRange, suspicionsOf, type Suspicion } from './import-trust.ts'
import { restoredConfig } from './restore.ts'
import type { Container } from './store.ts'

/** Locally administered, as the default configuration has them. */
const NEW_MAC = '10:66:6a:xx:xx:xx'

/** Paths and names of the place it comes from become those of this one. Ids stay: adoptRange() changes them. */
export function importedConfig(manifest: ArchiveManifest, container: Container, includes: string): ConfigDocument {
  const document = ConfigDocument.parse(restoredConfig(manifest.config, container))
  // Without one it would run on the files of this machine.
  if (document.values('lxc.rootfs.path').length === 0) document.append('lxc.rootfs.path', `dir:${viewOf(container.dir)}`)
  const moves = [[manifest.includes, includes], [manifest.directory, container.dir]] as const
  for (const { index, key, value } of document.pairs()) {
    if (key === 'lxc.rootfs.path') continue
    const words = value.split(/(\s+)/).map((word) => moves.reduce((text, [from, to]) => (text.startsWith(`${from}/`) ? to + text.slice(from.length) : text), word))
    if (words.join('') !== value) document.setAt(index, words.join(''))
  }
  if (container.name === manifest.container) return document
  // Two containers at once: each has a name and addresses of its own.
  for (const { index, key, value } of document.pairs()) {
    if (key === 'lxc.uts.name' && value === manifest.container) document.setAt(index, container.name)
    if (/^lxc\.net\.\d+\.hwaddr$/.test(key)) document.setAt(index, NEW_MAC)
  }
  fillMacWildcards(document, () => randomBytes(1)[0] ?? 0)
  return document
}

/** Throws TlxcError PERMISSION that names what reaches beyond the container. */
export function requireTrust(manifest: ArchiveManifest, document: ConfigDocument, includes: string): void {
  const found = [...suspicionsOf(document.toString(), includes), ...commentSuspicions(manifest)]
  const programs = manifest.files.filter(({ mode }) => (mode & 0o111) !== 0)
  found.push(...programs.map(({ name }) => ({ line: name, reason: 'is a program beside the configuration' })))
  refuse(manifest, found)
}

/** The same of an archive whose configuration is not taken. */
export function requireTrustedComment(manifest: ArchiveManifest): void {
  refuse(manifest, commentSuspicions(manifest))
}

/** It is shown on terminals, which take commands. */
function commentSuspicions({ snapshot }: ArchiveManifest): Suspicion[] {
  return /[^\P{Cc}\n\t]/u.test(snapshot?.comment ?? '') ? [{ line: 'the comment', reason: 'has control characters' }] : []
}

function refuse(manifest: ArchiveManifest, found: readonly Suspicion[]): void {
  if (found.length === 0) return
  const shown = found.slice(0, 5).map(({ line, reason }) => `"${line}" ${reason}`)
  throw new TlxcError('PERMISSION', `cannot import "${manifest.container.replace(/\p{Cc}/gu, '?')}": ${shown.join('; ')}${found.length > 5 ? `; and ${found.length - 5} more` : ''}`, {
    hint: 'if you trust whoever made the archive with this machine: --trust',
  })
}

/** True: the container gets a range of its own here. */
export function needsRange(document: ConfigDocument): boolean {
  return standardRange(document) !== null
}

export function adoptRange(document: ConfigDocument, { uid, gid, count }: IdClaim): void {
  for (const { index, key, value } of document.pairs()) {
    if (key === 'lxc.idmap') document.setAt(index, value.trim().startsWith('u') ? `u 0 ${uid} ${count}` : `g 0 ${gid} ${count}`)
  }
}
