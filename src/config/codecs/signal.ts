/** Signal names of signal(7), Linux numbers as on x86, arm and most others. */
import { ValueError, type Codec } from './codec.ts'

const NUMBERS: Readonly<Record<string, number>> = {
  HUP: 1, INT: 2, QUIT: 3, ILL: 4, TRAP: 5, ABRT: 6, IOT: 6, BUS: 7, FPE: 8, KILL: 9, USR1: 10, SEGV: 11, USR2: 12, PIPE: 13, ALRM: 14,
  TERM: 15, STKFLT: 16, CHLD: 17, CLD: 17, CONT: 18, STOP: 19, TSTP: 20, TTIN: 21, TTOU: 22, URG: 23, XCPU: 24, XFSZ: 25, VTALRM: 26,
  PROF: 27, WINCH: 28, IO: 29, POLL: 29, PWR: 30, SYS: 31,
}
/** As glibc numbers them: the kernel's 32 and 33 are its own. */
const RTMIN = 34
const RTMAX = 64

/** A signal as its number; 0 means none where a key allows it. */
export const signal: Codec<number> = {
  expects: 'a signal: SIGNAME, SIGRTMIN+N, SIGRTMAX-N or a number',
  parse: (raw) => {
    const value = /^[0-9]+$/.test(raw) ? Number(raw) : byName(raw.toUpperCase())
    if (value === undefined || value > RTMAX) {
      const known = NUMBERS[raw.toUpperCase()] === undefined ? undefined : `write SIG${raw.toUpperCase()}`
      throw new ValueError(`"${raw}" is not ${signal.expects}`, known)
    }
    return value
  },
  format: (value) => String(value),
}

function byName(name: string): number | undefined {
  const realtime = /^SIGRT(MIN|MAX)(?:([+-])([0-9]{1,3}))?$/.exec(name)
  if (!realtime) return name.startsWith('SIG') ? NUMBERS[name.slice(3)] : undefined
  const [, base, sign, offset] = realtime
  if (sign !== undefined && (sign === '+') !== (base === 'MIN')) return undefined
  const value = base === 'MIN' ? RTMIN + Number(offset ?? 0) : RTMAX - Number(offset ?? 0)
  return value >= RTMIN && value <= RTMAX ? value : undefined
}
