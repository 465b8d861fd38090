/**
 * console/: the person's side of a console: keys, window size, raw terminal. What a console is made of belongs to the monitor.
 * This file: the escape keys, as a machine without effects.
 */

/** Ctrl-a */
export const DEFAULT_ESCAPE = 0x01
const DETACH = 'q'.charCodeAt(0)

export interface EscapeStep {
  /** True after a prefix: the next byte decides. */
  armed: boolean
  /** What goes to the container. */
  forward: Uint8Array
  /** The person leaves; what followed in this input is dropped. */
  detach: boolean
}

/**
 * As lxc-console: the prefix is swallowed; then q leaves, a second prefix goes through once, and anything else goes through without
 * the swallowed prefix.
 */
export function stepEscape(wasArmed: boolean, input: Uint8Array, prefix: number): EscapeStep {
  const forward: number[] = []
  let armed = wasArmed
  for (const byte of input) {
    if (!armed && byte === prefix) {
      armed = true
      continue
    }
    if (armed && byte === DETACH) return { armed: false, forward: Uint8Array.from(forward), detach: true }
    armed = false
    forward.push(byte)
  }
  return { armed, forward: Uint8Array.from(forward), detach: false }
}

/**
 * The byte for "a", "A", "^a" or "^A" (a control key: lxc-console makes a wrong one of upper-case letters), also ^@ ^[ ^\ ^] ^^ ^_;
 * null when it names none. ASCII places a control code 64 below its letter.
 */
export function parseEscape(text: string): number | null {
  const key = (text.length === 2 && text.startsWith('^') ? text.slice(1) : text).toUpperCase()
  return /^[A-Z@[\\\]^_]$/.test(key) ? key.charCodeAt(0) - 64 : null
}

/** For the banner: 1 → "Ctrl+a". */
export function escapeName(prefix: number): string {
  return `Ctrl+${String.fromCharCode(prefix + 64).toLowerCase()}`
}

export function banner(tty: number, prefix: number): string {
  const key = escapeName(prefix)
  return `\nConnected to tty ${tty}\nType <${key} q> to exit the console, <${key} ${key}> to enter ${key} itself\n`
}
