/** A configuration file that can be edited without touching anything else in it: what is not changed stays byte for byte. */
import { TlxcError } from '../errors.ts'
import { lex, lexLine, type Line, type Pair } from './lexer.ts'

export interface DocumentPair {
  /** Counts from 0; good until the next edit that adds or removes lines. */
  index: number
  key: string
  /** Without wrapping quotes. */
  value: string
}

export class ConfigDocument {
  #lines: Line[]

  private constructor(lines: Line[]) {
    this.#lines = lines
  }

  static parse(text: string): ConfigDocument {
    return new ConfigDocument(lex(text))
  }

  toString(): string {
    return this.#lines.map((line) => line.text + line.ending).join('')
  }

  get lines(): readonly Line[] {
    return this.#lines
  }

  /** All `key = value` lines in order. */
  pairs(): DocumentPair[] {
    return this.#lines.flatMap((line, index) => (line.pair ? [{ index, key: line.pair.key, value: line.pair.value }] : []))
  }

  /** Values of a key in order, wrapping quotes removed; only this file, includes are not followed. */
  values(key: string): string[] {
    return this.pairs().flatMap((pair) => (pair.key === key ? [pair.value] : []))
  }

  /** Replaces the last value of the key where it stands, in its style; appends when there is none. Throws CONFIG for a line break in it. */
  set(key: string, value: string): void {
    const last = this.pairs().findLast((pair) => pair.key === key)
    if (last) this.setAt(last.index, value)
    else this.append(key, value)
  }

  /** Changes the value (and key, if given) of one line that pairs() told. */
  setAt(index: number, value: string, key?: string): void {
    const line = this.#lines[index]
    if (!line?.pair) throw new RangeError(`line ${index} has no value`)
    const { pair } = line
    const operator = pair.raw === '' && /=$/.test(pair.operator) && / =$/.test(pair.operator) ? `${pair.operator} ` : pair.operator
    const newKey = key ?? pair.key
    const text = pair.indent + newKey + operator + quoteValue(newKey, value, pair) + pair.tail
    this.#lines[index] = lexLine(text, line.ending)
  }

  /** Adds a line at the end of the file. */
  append(key: string, value: string): void {
    this.insert(this.#lines.length, [`${key} = ${quoteValue(key, value)}`])
  }

  /** Removes every line of the key. */
  remove(key: string): void {
    this.#lines = this.#lines.filter((line) => line.pair?.key !== key)
  }

  /** Removes one line that pairs() told. */
  removeAt(index: number): void {
    this.#lines.splice(index, 1)
  }

  /** Puts whole lines (comments, too) at the top. */
  prepend(lines: readonly string[]): void {
    this.insert(0, lines)
  }

  /** Puts whole lines before line `index`. */
  insert(index: number, lines: readonly string[]): void {
    if (lines.length === 0) return
    const ending = this.#lines.find((line) => line.ending !== '')?.ending || '\n'
    const last = this.#lines.at(-1)
    if (index >= this.#lines.length && last?.ending === '') last.ending = ending
    this.#lines.splice(index, 0, ...lines.map((text) => lexLine(refuseLineBreak(text, text), ending)))
  }
}

/** Keeps the quotes of the line that it replaces; adds some where LXC would otherwise cut something off. */
function quoteValue(key: string, value: string, style?: Pair): string {
  refuseLineBreak(key, value)
  const needed = value.trim() !== value || lexLine(`lxc.x=${value}`, '').pair?.quote !== ''
  const quote = style?.quote || (needed ? '"' : '')
  return value === '' ? '' : quote + value + quote
}

/** A line break in a value would be a way to smuggle in other keys. */
function refuseLineBreak(object: string, text: string): string {
  if (!/[\n\r\0]/.test(text)) return text
  throw new TlxcError('CONFIG', `cannot write "${object.replace(/[\n\r\0][^]*/, '')}": there is a line break or NUL in the value`)
}
