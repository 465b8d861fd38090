/**
 * Layers of one image → one directory, by renames: what nobody hides moves up. No data is copied, and no path is followed through a symbolic
 * link, so a link in one layer leads nothing of another one out of the image.
 */
import type { Host } from '../../host/host.ts'
import { copyAttributes, type LayerMarks } from './layer.ts'
import { at, below as childOf } from './name.ts'

/** Puts `lower` below `upper` (both on one filesystem): `upper` is the result, `lower` is used up. */
export function mergeLayer(host: Host, lower: string, upper: string, marks: LayerMarks): void {
  mergeDirectory(host, lower, upper, '', marks)
  host.fs.rmSync(lower, { recursive: true, force: true })
}

/** Moves all of a directory into an existing one, which takes over its attributes. */
export function moveContents(host: Host, from: string, to: string): void {
  const attributes = host.fs.lstatSync(from)
  for (const name of host.fs.readdirSync(from, 'latin1')) host.fs.renameSync(at(from, name), at(to, name))
  copyAttributes(host, at(to, ''), attributes)
}

function mergeDirectory(host: Host, lower: string, upper: string, path: string, marks: LayerMarks): void {
  const below = host.fs.lstatSync(at(lower, path))
  const above = host.fs.lstatSync(at(upper, path))
  if (!marks.opaques.has(path)) {
    for (const name of host.fs.readdirSync(at(lower, path), 'latin1')) {
      const here = childOf(path, name)
      if (!marks.whiteouts.has(here)) mergeEntry(host, lower, upper, here, marks)
    }
  }
  copyAttributes(host, at(upper, path), marks.implied.has(path) ? below : above)
}

function mergeEntry(host: Host, lower: string, upper: string, path: string, marks: LayerMarks): void {
  const over = host.fs.lstatSync(at(upper, path), { throwIfNoEntry: false })
  if (over === undefined) host.fs.renameSync(at(lower, path), at(upper, path))
  else if (over.isDirectory() && host.fs.lstatSync(at(lower, path)).isDirectory()) mergeDirectory(host, lower, upper, path, marks)
}
