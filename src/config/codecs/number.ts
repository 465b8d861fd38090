/** Numbers as strtol(3) with base 0 reads them (LXC: 0x1 and 010 are hexadecimal and octal), booleans and sizes. */
import { ValueError, type Codec } from './codec.ts'

const NUMBER = /^([+-]?)(0[xX][0-9a-fA-F]+|[0-9]+)$/

function readNumber(raw: string): number | null {
  const match = NUMBER.exec(raw)
  if (!match) return null
  const digits = match[2] ?? ''
  const octal = /^0[0-9]+$/.test(digits)
  const value = octal ? (/^[0-7]+$/.test(digits) ? Number.parseInt(digits, 8) : Number.NaN) : Number(digits)
  if (!Number.isSafeInteger(value)) return null
  return match[1] === '-' ? 0 - value : value
}

/** A whole number from min to max, both included. */
export function integer(min: number, max: number): Codec<number> {
  const expects = max >= 2 ** 31 - 1 ? (min >= 0 ? `a number, ${min} or more` : 'a number') : `a number from ${min} to ${max}`
  return {
    expects,
    parse: (raw) => {
      const value = readNumber(raw)
      if (value === null || value < min || value > max) throw new ValueError(`"${raw}" is not ${expects}`)
      return value === 0 ? 0 : value
    },
    format: (value) => String(value),
  }
}

/** As an unsigned int of C: ids, counts. */
export const uint: Codec<number> = integer(0, 2 ** 32 - 1)
export const int: Codec<number> = integer(-(2 ** 31), 2 ** 31 - 1)

/** 0 or 1. */
export const bool: Codec<boolean> = {
  expects: '0 or 1',
  parse: (raw) => {
    const value = readNumber(raw)
    if (value === 0 || value === 1) return value === 1
    const word = raw.toLowerCase()
    const hint = ['yes', 'true', 'on'].includes(word) ? 'write 1' : ['no', 'false', 'off'].includes(word) ? 'write 0' : undefined
    throw new ValueError(`"${raw}" is not 0 or 1`, hint)
  },
  format: (value) => (value ? '1' : '0'),
}

/** 0, or any other number for true. */
export const nonZero: Codec<boolean> = {
  expects: '0, or another number for yes',
  parse: (raw) => uint.parse(raw) !== 0,
  format: bool.format,
}

const UNITS: Readonly<Record<string, number>> = { '': 1, b: 1, k: 1024, kb: 1024, m: 1024 ** 2, mb: 1024 ** 2, g: 1024 ** 3, gb: 1024 ** 3 }

/** Bytes; KB, MB and GB are powers of 1024. */
export const size: Codec<number> = {
  expects: 'a size: bytes, or a number with KB, MB or GB',
  parse: (raw) => {
    const match = /^([0-9]+)[ \t]*([a-zA-Z]*)$/.exec(raw)
    const unit = UNITS[(match?.[2] ?? '-').toLowerCase()]
    const value = Number(match?.[1]) * (unit ?? Number.NaN)
    if (!Number.isSafeInteger(value)) throw new ValueError(`"${raw}" is not ${size.expects}`)
    return value
  },
  format: (value) => String(value),
}

const PAGE = 4096
const AUTO = 128 * 1024
const LARGEST = 2 ** 40

/** A size, or "auto" (128 KB); rounded up to a power of two and at least one page, as LXC does for the console buffers. */
export const bufferSize: Codec<number> = {
  expects: `auto, or ${size.expects}`,
  parse: (raw) => {
    const bytes = raw === 'auto' ? AUTO : size.parse(raw)
    if (bytes > LARGEST) throw new ValueError(`"${raw}" is larger than 1024GB`)
    return 2 ** Math.ceil(Math.log2(Math.max(bytes, PAGE)))
  },
  format: (value) => String(value),
}
