/** /etc/subuid and /etc/subgid (subuid(5)). Pure. */
import type { SubidRange } from '../launch/host-facts.ts'

/** Ranges that belong to the user, given by name or number, in the order of the file. Bad lines are skipped, as newuidmap does. */
export function parseSubid(text: string, user: string, id: number): SubidRange[] {
  const ranges: SubidRange[] = []
  for (const line of text.split('\n')) {
    const [owner, start, count] = line.trim().split(':')
    if (owner !== user && owner !== String(id)) continue
    if (!isId(start) || !isId(count)) continue
    ranges.push({ start: Number(start), count: Number(count) })
  }
  return ranges
}

/** Login name of a user id in the text of /etc/passwd, or null. */
export function nameOfUser(passwd: string, id: number): string | null {
  for (const line of passwd.split('\n')) {
    const fields = line.split(':')
    if (fields[2] === String(id) && fields[0]) return fields[0]
  }
  return null
}

function isId(value: string | undefined): value is string {
  return value !== undefined && /^\d{1,10}$/.test(value) && Number(value) <= 0xffff_ffff
}
