/** What tlxc-snapshot --diff prints. File names are bytes, so text is, too. Pure. */
import type { FileChange } from '../container/snapshot-view.ts'

/** "A /etc/new", a line a file, sorted by the bytes of the path. Control characters and backslashes are written \ooo: a name may have newlines. */
export function renderChanges(changes: readonly FileChange[]): Uint8Array {
  const pieces = sorted(changes).map(({ kind, path }) => Buffer.concat([Buffer.from(`${kind} `), escaped(path), Buffer.from('\n')]))
  return Buffer.concat(pieces)
}

/** Elements of "changes" of tlxc/snapshot/1. JSON has no bytes: path_base64 is there when the path is not UTF-8. */
export function changesAsJson(changes: readonly FileChange[]): object[] {
  return sorted(changes).map(({ kind, path }) => {
    const text = path.toString('utf8')
    return { change: kind, path: text, path_base64: Buffer.from(text).equals(path) ? null : path.toString('base64') }
  })
}

function sorted(changes: readonly FileChange[]): { kind: FileChange['kind']; path: Buffer }[] {
  return changes
    .map(({ kind, path }) => ({ kind, path: Buffer.from(path as Uint8Array) }))
    .sort((a, b) => a.path.compare(b.path) || a.kind.localeCompare(b.kind))
}

function escaped(path: Buffer): Buffer {
  if (!path.some(needsEscape)) return path
  return Buffer.concat([...path].map((byte) => (needsEscape(byte) ? Buffer.from(`\\${byte.toString(8).padStart(3, '0')}`) : Buffer.of(byte))))
}

function needsEscape(byte: number): boolean {
  return byte < 0x20 || byte === 0x7f || byte === 0x5c
}
