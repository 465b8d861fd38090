/**
 * What an image server offers, whatever its protocol: one row for the newest build of each image. Pure. A server is not trusted with more
 * than the content of images: a row with a path or a name that could mean something else is left out.
 */

export interface ImageFile {
  /** Below the server's address, no leading slash. */
  readonly path: string
  /** Lower-case hexadecimal; null: this protocol tells none. */
  readonly sha256: string | null
}

export interface ImageRow {
  readonly dist: string
  readonly release: string
  readonly arch: string
  readonly variant: string
  /** Grows with time when compared as text: 20240131_07:42 */
  readonly build: string
  readonly meta: ImageFile
  readonly rootfs: ImageFile
  /** SHA-256 of metadata and root file system behind one another, for servers that tell nothing else. */
  readonly combined: string | null
}

/** They become file names and fields of a table. */
const WORD = /^[A-Za-z0-9][A-Za-z0-9.:_+~-]{0,127}$/
const PATH = /^[A-Za-z0-9.:_+~%@=,/-]{1,1024}$/

export function isWord(text: unknown): text is string {
  return typeof text === 'string' && WORD.test(text)
}

/** The path without slashes at its ends; null when it could lead anywhere else than below the server's address. */
export function safePath(text: unknown): string | null {
  if (typeof text !== 'string') return null
  const path = text.replace(/^\/+|\/+$/g, '')
  return PATH.test(path) && !path.split('/').some((part) => part === '..' || part === '.') ? path : null
}

export function safeHash(text: unknown): string | null {
  return typeof text === 'string' && /^[0-9a-f]{64}$/i.test(text) ? text.toLowerCase() : null
}

/** The newest build of each image, sorted by name. */
export function newest(rows: readonly ImageRow[]): ImageRow[] {
  const best = new Map<string, ImageRow>()
  for (const row of rows) {
    const known = best.get(keyOf(row))
    if (known === undefined || known.build < row.build) best.set(keyOf(row), row)
  }
  return [...best.values()].sort((a, b) => (keyOf(a) < keyOf(b) ? -1 : 1))
}

/** Tab-separated for the templates' shell, "-" for what is not known: dist release arch variant build meta sha256 rootfs sha256 combined. */
export function rowsAsText(rows: readonly ImageRow[]): string {
  return rows
    .map(({ dist, release, arch, variant, build, meta, rootfs, combined }) =>
      [dist, release, arch, variant, build, meta.path, meta.sha256 ?? '-', rootfs.path, rootfs.sha256 ?? '-', combined ?? '-'].join('\t'))
    .map((line) => `${line}\n`)
    .join('')
}

function keyOf(row: ImageRow): string {
  return [row.dist, row.release, row.arch, row.variant].join('\t')
}
