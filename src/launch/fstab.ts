/** fstab(5) lines. Pure. */
import type { MountEntry } from '../config/types.ts'
import { TlxcError } from '../errors.ts'

/** Throws TlxcError CONFIG with the line. */
export function parseFstab(text: string, file: string): MountEntry[] {
  const entries: MountEntry[] = []
  for (const [index, line] of text.split('\n').entries()) {
    const trimmed = line.trim()
    if (trimmed === '' || trimmed.startsWith('#')) continue
    const [source, target, type, options] = trimmed.split(/[ \t]+/).map(unescapeOctal)
    if (source === undefined || target === undefined || type === undefined) {
      throw new TlxcError('CONFIG', `cannot use ${file}:${index + 1}: a line has source, target, type and options`)
    }
    entries.push({ source, target, type, options: (options ?? 'defaults').split(','), where: { file, line: index + 1 } })
  }
  return entries
}

/** Blanks in fields are written \040 (fstab(5)). */
function unescapeOctal(field: string): string {
  return field.replace(/\\([0-7]{3})/g, (_, digits: string) => String.fromCharCode(parseInt(digits, 8)))
}
