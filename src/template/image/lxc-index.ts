/** LXC's index protocol: /meta/1.0/index-system, rows "dist;release;arch;variant;build;path". Pure. */
import { isWord, newest, safePath, type ImageRow } from './row.ts'

/** Rows that make no sense are left out: one bad row must not hide the others. */
export function parseLxcIndex(text: string): ImageRow[] {
  return newest(text.split('\n').flatMap((line) => parseRow(line.trim()) ?? []))
}

function parseRow(line: string): ImageRow | null {
  const [dist, release, arch, variant, build, directory, ...more] = line.split(';')
  const path = safePath(directory)
  if (path === null || more.length > 0) return null
  if (!isWord(dist) || !isWord(release) || !isWord(arch) || !isWord(variant) || !isWord(build)) return null
  const file = (name: string): ImageRow['meta'] => ({ path: `${path}/${name}`, sha256: null })
  return { dist, release, arch, variant, build, meta: file('meta.tar.xz'), rootfs: file('rootfs.tar.xz'), combined: null }
}
