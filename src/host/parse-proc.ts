/** Texts of /proc ⇄ values. Pure. */

/** Start time in clock ticks, field 22 of /proc/PID/stat; the name in field 2 may hold blanks and parentheses. */
export function parseStatStart(stat: string): number | null {
  const afterName = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
  const start = Number(afterName[19])
  return Number.isFinite(start) ? start : null
}

/** [6, 18] for "6.18.44-generic"; [0, 0] for anything else. */
export function parseKernelRelease(release: string): readonly [number, number] {
  const match = /^(\d+)\.(\d+)/.exec(release)
  return match === null ? [0, 0] : [Number(match[1]), Number(match[2])]
}
