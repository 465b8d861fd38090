/** One line on a terminal that says what a long step is doing; gone when the step is over. */

/** A part of cli's Output. */
interface Terminal {
  write(text: string): void
  readonly isTTY: boolean
  readonly columns: number
}

export interface Progress {
  /** What is being done now. Long texts are cut to the terminal's width. */
  update(text: string): void
  /** Erases the line. Safe to call twice. */
  end(): void
}

const DELAY_MS = 1000
const ERASE_LINE = '\r\x1b[K'

/** Nothing is shown unless `to` is a terminal, nor in the first second: short work should not flicker. */
export function startProgress(to: Terminal, label: string): Progress {
  if (!to.isTTY) return { update: () => undefined, end: () => undefined }
  let text = ''
  let shown = false
  const draw = (): void => {
    shown = true
    const line = text === '' ? label : `${label}: ${text}`
    to.write(`${ERASE_LINE}${[...line].slice(0, Math.max(1, to.columns - 1)).join('')}`)
  }
  const timer = setTimeout(draw, DELAY_MS)
  timer.unref()
  return {
    update(next) {
      text = printable(next)
      if (shown) draw()
    },
    end() {
      clearTimeout(timer)
      if (shown) to.write(ERASE_LINE)
      shown = false
    },
  }
}

/** The last line that says something, without control characters: a template's output must not steer the terminal. */
function printable(text: string): string {
  const lines = text.split(/[\r\n]+/).map((line) => line.replace(/\p{Cc}/gu, ' ').trim())
  return lines.findLast((line) => line !== '') ?? ''
}
