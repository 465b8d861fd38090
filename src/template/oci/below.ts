/** What the layers below show at a name: as overlayfs looks it up, without following symbolic links. */
import type { Stats } from 'node:fs'
import type { Host } from '../../host/host.ts'
import { at } from './name.ts'

/** A layer as overlayfs has it: whiteouts are character devices 0/0. */
export interface LowerLayer {
  readonly directory: string
  /** Directories that hide what lies below them. */
  readonly opaques: ReadonlySet<string>
}

export interface Found {
  /** Of the layer that has it. */
  readonly directory: string
  readonly stats: Stats
}

/** layers: topmost first. null: they show nothing there. */
export function findBelow(host: Host, layers: readonly LowerLayer[], path: string): Found | null {
  for (const { directory, opaques } of layers) {
    const looked = lookIn(host, directory, opaques, path)
    if (looked === 'nothing') return null
    if (looked !== 'further') return { directory, stats: looked }
  }
  return null
}

/** nothing: no layer further down counts, either. */
function lookIn(host: Host, directory: string, opaques: ReadonlySet<string>, path: string): Stats | 'further' | 'nothing' {
  const root = host.fs.lstatSync(directory)
  if (path === '') return root
  let last = opaques.has('')
  const parts = path.split('/')
  for (let count = 1; count <= parts.length; count++) {
    const here = parts.slice(0, count).join('/')
    const found = host.fs.lstatSync(at(directory, here), { throwIfNoEntry: false })
    if (found === undefined) return last ? 'nothing' : 'further'
    if (isWhiteout(found)) return 'nothing'
    if (count === parts.length) return found
    if (!found.isDirectory()) return 'nothing'
    last ||= opaques.has(here)
  }
  return 'further'
}

function isWhiteout(found: Stats): boolean {
  return found.isCharacterDevice() && found.rdev === 0
}
