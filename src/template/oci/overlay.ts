/** An unpacked layer → a lower layer for overlayfs, with the kernel's own marks: character devices 0/0, trusted.overlay.opaque. */
import type { Stats } from 'node:fs'
import { errnoOf, TlxcError } from '../../errors.ts'
import type { Host } from '../../host/host.ts'
import { findBelow, type LowerLayer } from './below.ts'
import { copyAttributes, type LayerMarks } from './layer.ts'
import { ancestorsOf, at, parentOf } from './name.ts'

/** below: topmost first. Resolves with the directories that hide what lies below. Throws TlxcError STORAGE. */
export async function makeOverlayLayer(host: Host, directory: string, marks: LayerMarks, below: readonly LowerLayer[]): Promise<ReadonlySet<string>> {
  for (const path of marks.implied) {
    const found = findBelow(host, below, path)
    if (found?.stats.isDirectory()) copyAttributes(host, at(directory, path), found.stats)
  }
  const replaced = [...marks.whiteouts].filter((path) => look(host, directory, path)?.isDirectory())
  const opaques = new Set([...marks.opaques, ...replaced])
  await makeWhiteouts(host, directory, neededWhiteouts(host, directory, marks, opaques, below))
  await markOpaque(host, directory, [...opaques])
  return opaques
}

/** Does what is in the directory, or which key it has, depend on the layers below? (The root's attributes aside: keys.ts.) */
export function dependsOnLower({ whiteouts, implied, copied }: LayerMarks): boolean {
  return whiteouts.size > 0 || copied || [...implied].some((path) => path !== '')
}

/** Those with something to hide: overlayfs shows a whiteout as a broken device in a directory that no layer below has, too. */
function neededWhiteouts(host: Host, directory: string, marks: LayerMarks, opaques: ReadonlySet<string>, below: readonly LowerLayer[]): string[] {
  return [...marks.whiteouts].filter((path) => {
    if (look(host, directory, path) !== undefined || ancestorsOf(path).some((ancestor) => opaques.has(ancestor))) return false
    return findBelow(host, below, path) !== null
  })
}

/** One inode with many names, as the kernel's own. */
async function makeWhiteouts(host: Host, directory: string, paths: readonly string[]): Promise<void> {
  const parents = new Map<string, Stats>()
  for (const path of ['', ...paths.map(parentOf)]) if (!parents.has(path)) parents.set(path, host.fs.lstatSync(at(directory, path)))
  // No name of the layer begins so any more.
  const first = `${directory}/.wh.`
  for (const path of paths) {
    if (!host.fs.existsSync(first)) await must(host, 'mknod', ['-m', '0', first, 'c', '0', '0'])
    try {
      host.fs.linkSync(first, at(directory, path))
    } catch (error) {
      if (errnoOf(error) !== 'EMLINK') throw error
      host.fs.renameSync(first, at(directory, path))
    }
  }
  host.fs.rmSync(first, { force: true })
  for (const [path, { atimeMs, mtimeMs }] of parents) host.fs.utimesSync(at(directory, path), atimeMs / 1000, mtimeMs / 1000)
}

/** By setfattr --restore, which takes any name. */
async function markOpaque(host: Host, directory: string, paths: readonly string[]): Promise<void> {
  const text = paths.map((path) => `# file: ${quoted(path)}\ntrusted.overlay.opaque="y"\n\n`).join('')
  if (text !== '') await must(host, 'setfattr', ['--restore=-'], directory, text)
}

function quoted(path: string): string {
  return `./${path}`.replace(/[^\w./-]/g, (char) => `\\${char.charCodeAt(0).toString(8).padStart(3, '0')}`)
}

function look(host: Host, directory: string, path: string): Stats | undefined {
  return host.fs.lstatSync(at(directory, path), { throwIfNoEntry: false })
}

async function must(host: Host, program: string, args: readonly string[], cwd = '/', input = ''): Promise<void> {
  const { exitCode, stderr } = await host.exec(program, args, { cwd, input })
  if (exitCode !== 0) throw new TlxcError('STORAGE', `cannot mark a layer of the image: ${program}: ${stderr.trim()}`, { hint: 'its file system must have device nodes and trusted extended attributes' })
}
