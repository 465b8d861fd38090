/** Values that are words: names, paths, command lines. */
import { matching, ValueError, type Codec } from './codec.ts'

export const text: Codec<string> = matching('text', () => true)

export const absolutePath: Codec<string> = matching('an absolute path', (raw) => raw.startsWith('/'))

/** As sethostname(2) and LXC limit it. */
export const hostname: Codec<string> = matching('a host name of at most 64 characters', (raw) => raw.length <= 64)

/** One name without slash. */
export const fileName: Codec<string> = matching('one directory name', (raw) => !raw.includes('/') && raw !== '.' && raw !== '..')

/** A path below some directory: not absolute, no "..". */
export const relativePath: Codec<string> = matching(
  'a relative path without ".."',
  (raw) => !raw.startsWith('/') && !raw.split('/').includes('..'),
)

/** An interface name that the kernel takes (IFNAMSIZ, dev_valid_name). */
export const interfaceName: Codec<string> = matching(
  'an interface name: at most 15 characters, no blank, no "/"',
  (raw) => Buffer.byteLength(raw) <= 15 && !/[\s/:]/.test(raw) && raw !== '.' && raw !== '..',
)

/** NAME=VALUE, or NAME alone: taken from the environment of the command that starts the container. */
export const environmentEntry: Codec<{ entry: string }> = {
  expects: 'NAME=VALUE, or NAME to inherit it',
  parse: (raw) => {
    if (raw.startsWith('=')) throw new ValueError(`"${raw}" has no name before "="`)
    return { entry: raw }
  },
  format: ({ entry }) => entry,
}

/** Words separated by blanks; '…' and "…" keep blanks together (no escapes), as LXC splits lxc.init.cmd. */
export const commandLine: Codec<readonly string[]> = {
  expects: 'a command line; quotes keep blanks together',
  parse: (raw) => {
    const words: string[] = []
    for (const match of raw.matchAll(/(?:[^\s"']|"[^"]*"|'[^']*')+|["']/g)) {
      if (match[0] === '"' || match[0] === "'") throw new ValueError(`${match[0]} is never closed`)
      words.push(match[0].replace(/"([^"]*)"|'([^']*)'/g, (_, double?: string, single?: string) => double ?? single ?? ''))
    }
    if (words.length === 0) throw new ValueError('there is no command')
    return words
  },
  format: (words) => words.map(quoteWord).join(' '),
}

function quoteWord(word: string): string {
  if (word !== '' && !/[\s"']/.test(word)) return word
  return word
    .split('"')
    .map((part) => (part === '' ? '' : `"${part}"`))
    .join(`'"'`) || '""'
}

/** Words separated by blanks. */
export function words(raw: string): string[] {
  return raw.split(/[ \t]+/).filter(Boolean)
}
