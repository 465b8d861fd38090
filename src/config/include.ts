/** All lines of a configuration in order, those of included files where lxc.include stands. */
import { lex } from './lexer.ts'
import type { ConfigReader, Diagnostic, Where } from './types.ts'

export interface ConfigLine {
  key: string
  value: string
  where: Where
}

export interface LineSink {
  line(line: ConfigLine): void
  problem(severity: Diagnostic['severity'], where: Where, key: string, reason: string, hint?: string): void
}

/** Deeper than this nobody nests on purpose. */
const MAX_DEPTH = 32
/** Files in all: includes that branch could otherwise grow beyond any bound without a cycle. */
const MAX_FILES = 1000

export function readLines(text: string, file: string, reader: ConfigReader, sink: LineSink): void {
  new IncludeReader(reader, sink).read(text, file, [file])
}

class IncludeReader {
  #files = 0

  constructor(
    readonly reader: ConfigReader,
    readonly sink: LineSink,
  ) {}

  /** `chain`: the files that are being read, outermost first. */
  read(text: string, file: string, chain: readonly string[]): void {
    lex(text).forEach((line, index) => {
      const where = { file, line: index + 1 }
      if (line.kind === 'broken') this.sink.problem('error', where, line.text.trim(), 'has no "="', 'write "KEY = VALUE"')
      if (!line.pair) return
      const { key, value } = line.pair
      if (key === 'lxc.include') this.#include(value, where, chain)
      else this.sink.line({ key, value, where })
    })
  }

  #include(path: string, where: Where, chain: readonly string[]): void {
    const fail = (reason: string, hint?: string): void => this.sink.problem('error', where, 'lxc.include', reason, hint)
    if (path === '') return
    if (!path.startsWith('/')) return fail(`"${path}" is not an absolute path`)
    // Most are files, and to try one as a directory costs an exception.
    const text = path.endsWith('/') ? null : this.reader.read(path)
    const names = text === null ? this.reader.list(path) : null
    const directory = path.replace(/\/+$/, '')
    if (names) for (const name of names) this.#includeFile(`${directory}/${name}`, this.reader.read(`${directory}/${name}`), chain, fail)
    else if (!path.endsWith('/')) this.#includeFile(path, text, chain, fail)
  }

  #includeFile(path: string, text: string | null, chain: readonly string[], fail: (reason: string, hint?: string) => void): void {
    if (chain.includes(path)) return fail(`"${path}" includes itself: ${[...chain, path].join(' → ')}`)
    if (chain.length > MAX_DEPTH) return fail(`"${path}" is nested more than ${MAX_DEPTH} files deep`)
    if (++this.#files > MAX_FILES) return fail(`"${path}": more than ${MAX_FILES} files are included`)
    if (text === null) return fail(`cannot read "${path}"`, 'make the file, or remove the line')
    this.read(text, path, [...chain, path])
  }
}
