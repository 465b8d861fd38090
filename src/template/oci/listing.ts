/**
 * What GNU tar says of each entry that it unpacks: its own reading of the archive, whatever the archive wants it to be. Pure.
 *
 *     drwxr-xr-x 0/0               0 2026-11-26 01:22 ./a\\ b/
 *     hrw-r--r-- 0/0               0 2026-11-26 01:22 ./z link to ./y
 */

/** A blank in a name is quoted, so that one without quotes ends it; what is not ASCII is, too, in the C locale. */
export const LISTING_OPTIONS: readonly string[] = ['-vv', '--numeric-owner', '--quoting-style=escape', '--quote-chars= ']

export interface Listed {
  readonly kind: 'directory' | 'link' | 'other'
  /** As name.ts has it. */
  readonly path: string
  /** Of a hard link. */
  readonly target: string | null
}

// After the mode there may be a mark for attributes, or a blank for none.
const LINE = /^(\S)\S{9,} +\S+ +\S+ \S+ \S+ ((?:\\.|[^ \\])+)(?: (?:link to ((?:\\.|[^ \\])+)|->.*))?$/

/** null: the line tells of something else than an entry. */
export function parseListed(line: string): Listed | null {
  const [, type, name, target] = LINE.exec(line) ?? []
  if (type === undefined || name === undefined) return null
  return { kind: type === 'd' ? 'directory' : type === 'h' ? 'link' : 'other', path: pathOf(name), target: target === undefined ? null : pathOf(target) }
}

/** Where tar puts it: what stands before a ".." is left out, as are "." and slashes at the ends. */
function pathOf(quoted: string): string {
  const parts = unquote(quoted).split('/')
  return parts.slice(parts.lastIndexOf('..') + 1).filter((part) => part !== '' && part !== '.').join('/')
}

const SIMPLE: Readonly<Record<string, string>> = { a: '\x07', b: '\b', t: '\t', n: '\n', v: '\v', f: '\f', r: '\r' }

function unquote(quoted: string): string {
  return quoted.replace(/\\([0-7]{3}|.)/gs, (_, code: string) => (code.length === 3 ? String.fromCharCode(Number.parseInt(code, 8)) : (SIMPLE[code] ?? code)))
}
