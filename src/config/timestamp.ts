/** Points in time as LXC writes and shows them: local time, "2026:11:25 13:05:01". Pure. */

export function formatTimestamp(ms: number): string {
  const date = new Date(ms)
  const day = [date.getFullYear(), two(date.getMonth() + 1), two(date.getDate())].join(':')
  return `${day} ${[date.getHours(), date.getMinutes(), date.getSeconds()].map(two).join(':')}`
}

/** Milliseconds since the epoch; 0 for what is no timestamp. */
export function parseTimestamp(text: string): number {
  const match = /^(\d{4}):(\d\d):(\d\d) (\d\d):(\d\d):(\d\d)$/.exec(text)
  if (match === null) return 0
  const [year = 0, month = 1, day = 1, hour = 0, minute = 0, second = 0] = match.slice(1).map(Number)
  return new Date(year, month - 1, day, hour, minute, second).getTime()
}

function two(value: number): string {
  return String(value).padStart(2, '0')
}
