/**
 * getopt_long(3) by option tables: scripts written for LXC rely on its rules (abbreviated long options, clusters of
 * letters, `-oVALUE`, options after positionals), which yargs does not have. Pure.
 */
import { TlxcError } from '../errors.ts'
import type { Option, Options, ParsedArgs } from './command.ts'

export interface GetoptRules {
  /** How many positionals may come before option parsing stops; undefined: options are looked for to the end. */
  stopAfter?: (given: Readonly<Record<string, unknown>>) => number
}

type Values = Record<string, string | boolean | string[] | undefined>

interface State {
  readonly options: Options
  readonly values: Values
  /** What is left to read. */
  readonly queue: string[]
}

/** Throws TlxcError USAGE in getopt_long's words. */
export function parseArguments(argv: readonly string[], options: Options, rules: GetoptRules = {}): ParsedArgs {
  const state: State = { options, values: {}, queue: [...argv] }
  const positionals: string[] = []
  for (let word = state.queue.shift(); word !== undefined; word = state.queue.shift()) {
    if (word === '--') return { options: state.values, positionals, rest: state.queue }
    if (word.startsWith('--')) readLong(state, word.slice(2))
    else if (word.startsWith('-') && word !== '-') readCluster(state, word.slice(1))
    else {
      positionals.push(word)
      if (rules.stopAfter && positionals.length > rules.stopAfter(state.values)) break
    }
  }
  return { options: state.values, positionals: [...positionals, ...state.queue], rest: null }
}

function readLong(state: State, text: string): void {
  const equals = text.indexOf('=')
  const given = equals < 0 ? text : text.slice(0, equals)
  const attached = equals < 0 ? undefined : text.slice(equals + 1)
  const key = findLong(state.options, given)
  const option = optionAt(state.options, key)
  if (option.value === 'none') {
    if (attached !== undefined) throw usage(`option '--${key}' doesn't allow an argument`)
    store(state.values, key, option, true)
  } else if (option.value === 'optional') {
    store(state.values, key, option, attached ?? '')
  } else {
    const value = attached ?? state.queue.shift()
    if (value === undefined) throw usage(`option '--${key}' requires an argument`)
    store(state.values, key, option, value)
  }
}

/** An exact name wins; otherwise the one name that begins like this. */
function findLong(options: Options, given: string): string {
  if (Object.hasOwn(options, given)) return given
  const candidates = given === '' ? [] : Object.keys(options).filter((key) => key.startsWith(given))
  const [only] = candidates
  if (only === undefined) throw usage(`unrecognized option '--${given}'`)
  if (candidates.length > 1) {
    throw usage(`option '--${given}' is ambiguous; possibilities: ${candidates.map((key) => `'--${key}'`).join(' ')}`)
  }
  return only
}

function readCluster(state: State, letters: string): void {
  for (let at = 0; at < letters.length; at++) {
    const letter = letters.charAt(at)
    const key = Object.keys(state.options).find((name) => optionAt(state.options, name).short === letter)
    if (key === undefined) throw usage(`invalid option -- '${letter}'`)
    const option = optionAt(state.options, key)
    if (option.value === 'none') {
      store(state.values, key, option, true)
      continue
    }
    const attached = letters.slice(at + 1)
    if (attached !== '' || option.value === 'optional') return store(state.values, key, option, attached)
    const value = state.queue.shift()
    if (value === undefined) throw usage(`option requires an argument -- '${letter}'`)
    return store(state.values, key, option, value)
  }
}

function store(values: Values, key: string, option: Option, value: string | true): void {
  if (option.cancels !== undefined) values[option.cancels] = undefined
  if (!option.repeat || value === true) {
    values[key] = value
    return
  }
  const before = values[key]
  values[key] = Array.isArray(before) ? [...before, value] : [value]
}

function optionAt(options: Options, key: string): Option {
  const option = options[key]
  if (option === undefined) throw new Error(`no option "${key}" in the table`)
  return option
}

function usage(message: string): TlxcError {
  return new TlxcError('USAGE', message)
}
