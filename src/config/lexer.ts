/**
 * Text of a configuration → lines, losing nothing: joining `text + ending` of all lines gives the file back byte for byte.
 * What a line means follows LXC's grammar (LXC-compatible: `#` only first on a line, no continuation, quotes around a whole value).
 */

export interface Pair {
  /** Blanks before the key. */
  indent: string
  key: string
  /** The `=` with the blanks around it. */
  operator: string
  /** As written, quotes included, blanks at the end cut off. */
  raw: string
  /** Blanks after the value. */
  tail: string
  quote: '' | '"' | "'"
  /** Without the quotes that wrap all of it. */
  value: string
}

export interface Line {
  text: string
  ending: '\n' | '\r\n' | ''
  /** foreign: ignored, as LXC does with what does not start with `lxc.`; broken: `lxc.…` without `=`. */
  kind: 'blank' | 'comment' | 'pair' | 'broken' | 'foreign'
  /** Only when kind is pair. */
  pair?: Pair
}

export function lex(text: string): Line[] {
  const lines: Line[] = []
  for (let start = 0; start < text.length; ) {
    const newline = text.indexOf('\n', start)
    const end = newline < 0 ? text.length : newline
    const crlf = newline > start && text[newline - 1] === '\r'
    lines.push(lexLine(text.slice(start, crlf ? end - 1 : end), newline < 0 ? '' : crlf ? '\r\n' : '\n'))
    start = newline < 0 ? text.length : newline + 1
  }
  return lines
}

/** `text` has no newline in it. */
export function lexLine(text: string, ending: Line['ending']): Line {
  const indent = countBlanks(text, 0)
  if (indent === text.length) return { text, ending, kind: 'blank' }
  if (text[indent] === '#') return { text, ending, kind: 'comment' }
  if (!text.startsWith('lxc.', indent) && !text.startsWith('tlxc.', indent)) return { text, ending, kind: 'foreign' }
  const equals = text.indexOf('=', indent)
  if (equals < 0) return { text, ending, kind: 'broken' }
  return { text, ending, kind: 'pair', pair: splitPair(text, indent, equals) }
}

function splitPair(text: string, indent: number, equals: number): Pair {
  const keyEnd = endWithoutBlanks(text, indent, equals)
  const valueStart = equals + 1 + countBlanks(text, equals + 1)
  const valueEnd = endWithoutBlanks(text, valueStart, text.length)
  const raw = text.slice(valueStart, valueEnd)
  return {
    indent: text.slice(0, indent),
    key: text.slice(indent, keyEnd),
    operator: text.slice(keyEnd, valueStart),
    raw,
    tail: text.slice(valueEnd),
    ...unquote(raw),
  }
}

function unquote(raw: string): Pick<Pair, 'quote' | 'value'> {
  const first = raw[0]
  const wrapped = raw.length > 1 && (first === '"' || first === "'") && raw.endsWith(first)
  return wrapped ? { quote: first, value: raw.slice(1, -1) } : { quote: '', value: raw }
}

// isspace(3) without newline, as LXC trims.
const isBlank = (character: string | undefined): boolean =>
  character === ' ' || character === '\t' || character === '\r' || character === '\v' || character === '\f'

function countBlanks(text: string, from: number): number {
  let at = from
  while (isBlank(text[at])) at++
  return at - from
}

function endWithoutBlanks(text: string, start: number, end: number): number {
  let at = end
  while (at > start && isBlank(text[at - 1])) at--
  return at
}
