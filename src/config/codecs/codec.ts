/**
 * codecs/: text of one value ⇄ typed value, `parse(format(x)) = x`. Pure functions on one string.
 * Nothing here knows keys, files or other values.
 */

export interface Codec<T> {
  /** What is accepted, for messages and the man page: "0 or 1". */
  readonly expects: string
  /** Throws ValueError. */
  parse(raw: string): T
  format(value: T): string
}

export type ValueOf<C> = C extends Codec<infer T> ? T : never

/** A value that cannot be taken; the loader turns it into a Diagnostic. */
export class ValueError extends Error {
  constructor(
    reason: string,
    readonly hint?: string,
  ) {
    super(reason)
    this.name = 'ValueError'
  }
}

/** Names with a meaning each. */
export function oneOf<const V extends string>(values: readonly V[]): Codec<V> {
  const expects = values.length === 1 ? `${values[0]}` : `${values.slice(0, -1).join(', ')} or ${values.at(-1)}`
  return {
    expects,
    parse: (raw) => {
      const found = values.find((value) => value === raw)
      if (found === undefined) throw new ValueError(`"${raw}" is not ${expects}`)
      return found
    },
    format: (value) => value,
  }
}

/** Any text that a matcher accepts, kept as it is. */
export function matching(expects: string, test: (raw: string) => boolean): Codec<string> {
  return {
    expects,
    parse: (raw) => {
      if (!test(raw)) throw new ValueError(`"${raw}" is not ${expects}`)
      return raw
    },
    format: (value) => value,
  }
}
