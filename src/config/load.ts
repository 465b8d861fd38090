/** Text of a container configuration → typed values and everything that is wrong with it. Never throws for what is in a file. */
import { assemble } from './assemble.ts'
import { checkTogether } from './checks.ts'
import { ValueError } from './codecs/codec.ts'
import { words } from './codecs/text.ts'
import { readLines, type ConfigLine } from './include.ts'
import { LegacyTranslator } from './schema/legacy.ts'
import { NETWORK, requiredNetType } from './schema/network.ts'
import { findKey, netIndexOf, subkeyOf, suggestKey, type KeyRow } from './schema.ts'
import { Settings } from './settings.ts'
import type { ConfigReader, Diagnostic, LoadedConfig, Where } from './types.ts'

/** `file` is the name for messages; includes are read through `reader`. */
export function loadConfig(text: string, file: string, reader: ConfigReader): LoadedConfig {
  const loader = new Loader()
  readLines(text, file, reader, loader)
  loader.diagnostics.push(...checkTogether(loader.settings))
  return { value: assemble(loader.settings), diagnostics: loader.diagnostics, entries: entriesOf(loader.settings) }
}

/** FILE:LINE: KEY: REASON, as every message about a configuration looks. */
export function formatDiagnostic({ where, key, reason }: Diagnostic): string {
  return `${where.file}:${where.line}: ${key === '' ? '' : `${key}: `}${reason}`
}

class Loader {
  readonly settings = new Settings()
  readonly diagnostics: Diagnostic[] = []
  readonly #legacy = new LegacyTranslator()

  problem(severity: Diagnostic['severity'], where: Where, key: string, reason: string, hint?: string): void {
    this.diagnostics.push({ severity, where, key, reason, ...(hint === undefined ? {} : { hint }) })
  }

  line({ key, value, where }: ConfigLine): void {
    const translation = this.#legacy.translate(key, value)
    if (!translation) return this.#apply(key, key, value, where)
    if (translation.key === null) {
      const isBackend = key === 'lxc.rootfs.backend'
      const reason = isBackend ? 'is an old key; the type is now part of lxc.rootfs.path' : 'is an old key without effect'
      return this.problem('warning', where, key, reason, 'remove the line')
    }
    this.problem('warning', where, key, `is an old name of ${translation.key}`, `write "${translation.key} = ${translation.value}"`)
    this.#apply(translation.key, key, translation.value, where)
  }

  /** `written` is the key as in the file, for messages. */
  #apply(key: string, written: string, value: string, where: Where): void {
    const row = findKey(key)
    if (!row) return this.#unknown(written, where)
    if (row.status === 'ignored-as-lxc') return
    if (value === '') return this.#empty(key, row, where)
    if (row.status === 'unsupported') {
      return this.problem('error', where, written, `this version of tlxc does not act on ${row.key} yet`, 'remove the line')
    }
    if (isClearing(row) || (row.prefix && subkeyOf(row, key) === null)) {
      return this.problem('error', where, written, 'takes no value of its own: an empty one clears the keys below it')
    }
    if (!this.#typeComesFirst(key, written, where)) return
    if (row === NETWORK.type) this.settings.forgetNetKind(key)
    this.#store(key, written, row, value, where)
  }

  #store(key: string, written: string, row: KeyRow, value: string, where: Where): void {
    try {
      if (value.includes('\0')) throw new ValueError('there is a NUL character in the value')
      const parts = row.repeat === 'words' ? words(value) : [value]
      this.settings.add({ key, row, raw: value, where, values: parts.map((part) => row.codec.parse(part)) })
    } catch (error) {
      if (!(error instanceof ValueError)) throw error
      this.problem('error', where, written, error.message, error.hint)
    }
  }

  #empty(key: string, row: KeyRow, where: Where): void {
    this.settings.clear(key, row)
    if (row === NETWORK.type) this.settings.forgetNetKind(key)
    if (row.empty !== undefined) this.#store(key, key, row, row.empty, where)
  }

  #unknown(key: string, where: Where): void {
    const suggestion = suggestKey(key)
    this.problem('error', where, key, 'there is no such key', suggestion === undefined ? undefined : `did you mean ${suggestion}?`)
  }

  /** Keys of one kind of interface need its type before them, as in LXC. */
  #typeComesFirst(key: string, written: string, where: Where): boolean {
    const needed = requiredNetType(key)
    if (needed === null) return true
    const typeKey = `lxc.net.${netIndexOf(key)}.type`
    const type = this.settings.scalar(NETWORK.type, typeKey)
    if (type === needed) return true
    const reason = type === undefined ? `needs ${typeKey} = ${needed} before it` : `is only for ${typeKey} = ${needed}, which is ${type}`
    this.problem('error', where, written, reason)
    return false
  }
}

const isClearing = (row: KeyRow): boolean => ['lxc.hook', 'lxc.net', 'lxc.net.N'].includes(row.key)

function entriesOf(settings: Settings): LoadedConfig['entries'] {
  const entries = new Map<string, { raw: string; where: Where }[]>()
  for (const { key, raw, where } of settings.all) {
    const list = entries.get(key) ?? []
    list.push({ raw, where })
    entries.set(key, list)
  }
  return entries
}
