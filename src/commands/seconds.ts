/** -t SECONDS, as several commands take it. */
import { TlxcError } from '../errors.ts'

/** Milliseconds; null for -1: for ever. Throws TlxcError USAGE. */
export function parseTimeout(given: unknown, defaultSeconds: number | null): number | null {
  if (given === undefined) return defaultSeconds === null ? null : defaultSeconds * 1000
  const value = typeof given === 'string' && /^[+-]?\d+$/.test(given.trim()) ? Number(given) : NaN
  if (Number.isNaN(value) || value < -1) throw new TlxcError('USAGE', `Invalid timeout '${String(given)}'`, { hint: 'give a number of seconds; -1 waits for ever' })
  return value === -1 ? null : value * 1000
}
