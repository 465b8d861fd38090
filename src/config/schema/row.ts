/**
 * schema/: one row for each key, in small files by family. A row says everything about its key; there are no functions for single keys.
 * The name of a row in its family is the name of its field in ContainerConfig.
 */
import type { Codec } from '../codecs/codec.ts'

export interface KeyRow<T = unknown> {
  /** `lxc.net.N.type` stands for any number N. */
  readonly key: string
  /** Matches KEY.ANYTHING, too; KEY alone is only there to be cleared. */
  readonly prefix?: boolean
  readonly codec: Codec<T>
  /** scalar: the last one wins; list: they add up; words: a list with several blank-separated items on a line. */
  readonly repeat: 'scalar' | 'list' | 'words'
  /** Items carry the place where they were written. */
  readonly located?: boolean
  readonly doc: string
  /** unsupported: an error that says so; ignored-as-lxc: accepted, without effect, as in LXC. */
  readonly status: 'acts' | 'unsupported' | 'ignored-as-lxc'
  /** Version of LXC that brought it under this name. */
  readonly since: string
  /** A value that is accepted; for the manual page and tests. */
  readonly example: string
  /** What lxc-info -c prints when it is not set (default: nothing). */
  readonly unset?: string
  /** What an empty value means when LXC does not take it for "not set". */
  readonly empty?: string
}

export interface ScalarRow<T> extends KeyRow<T> {
  readonly repeat: 'scalar'
}
export interface ListRow<T> extends KeyRow<T> {
  readonly repeat: 'list' | 'words'
}
export interface LocatedScalarRow<T> extends ScalarRow<T> {
  readonly located: true
}
export interface LocatedListRow<T> extends ListRow<T> {
  readonly located: true
}

type Extra = Partial<Pick<KeyRow, 'status' | 'since' | 'unset' | 'empty'>>

const common = (extra: Extra): Pick<KeyRow, 'status' | 'since'> & Extra => ({ status: 'acts', since: '3.0', ...extra })

export function scalar<T>(key: string, codec: Codec<T>, example: string, doc: string, extra: Extra = {}): ScalarRow<T> {
  return { key, codec, example, doc, repeat: 'scalar', ...common(extra) }
}

export function locatedScalar<T>(key: string, codec: Codec<T>, example: string, doc: string, extra: Extra = {}): LocatedScalarRow<T> {
  return { key, codec, example, doc, repeat: 'scalar', located: true, ...common(extra) }
}

/** One item a line. */
export function list<T>(key: string, codec: Codec<T>, example: string, doc: string, extra: Extra = {}): ListRow<T> {
  return { key, codec, example, doc, repeat: 'list', ...common(extra) }
}

/** Several items a line. */
export function wordList<T>(key: string, codec: Codec<T>, example: string, doc: string, extra: Extra = {}): ListRow<T> {
  return { key, codec, example, doc, repeat: 'words', ...common(extra) }
}

export function located<T>(row: ListRow<T>): LocatedListRow<T> {
  return { ...row, located: true }
}

/** KEY.ANYTHING; repeat list: values of one subkey add up, too. */
export function subkeys<T>(
  key: string, codec: Codec<T>, repeat: 'scalar' | 'list', example: string, doc: string, extra: Extra = {},
): KeyRow<T> {
  return { key, codec, example, doc, repeat, prefix: true, located: true, ...common(extra) }
}

/** A key that can only be cleared with an empty value, for all keys below it. */
export function clearing(key: string, doc: string): KeyRow<never> {
  return { key, codec: nothing, example: '', doc, repeat: 'scalar', ...common({}) }
}

const nothing: Codec<never> = {
  expects: 'nothing: an empty value clears all keys below it',
  parse: (raw) => {
    throw new Error(`unreachable: ${raw}`)
  },
  format: () => '',
}
