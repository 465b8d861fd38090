/** `User` of an image (NAME, UID, NAME:GROUP, UID:GID …) → ids, by the image's own passwd(5) and group(5). Pure. */
import { TlxcError } from '../../errors.ts'

export interface Ids {
  readonly uid: number
  readonly gid: number
  /** Supplementary groups, without gid. */
  readonly groups: readonly number[]
}

const MAX_ID = 0xffff_fffe

/** Texts of the files, '' when the image has none. Throws TlxcError TEMPLATE for a name that they do not have. */
export function resolveUser(user: string, passwd: string, group: string): Ids {
  const [who = '', which = ''] = user.split(':', 2)
  const account = records(passwd).find(([name, , uid]) => name === who || (isNumber(who) && uid === who))
  const uid = who === '' ? 0 : (numeric(who) ?? numeric(account?.[2]))
  if (uid === undefined) throw unknownName('user', who)
  const chosen = which === '' ? undefined : (numeric(which) ?? numeric(records(group).find(([name]) => name === which)?.[2]))
  if (which !== '' && chosen === undefined) throw unknownName('group', which)
  const gid = chosen ?? numeric(account?.[3]) ?? 0
  const name = account?.[0]
  // As Docker: a group that was named stands alone.
  const groups = which === '' && name !== undefined ? records(group).flatMap(([, , id, members]) => (members?.split(',').includes(name) ? (numeric(id) ?? []) : [])) : []
  return { uid, gid, groups: [...new Set(groups)].filter((id) => id !== gid) }
}

function records(text: string): string[][] {
  return text.split('\n').filter((line) => line.includes(':')).map((line) => line.trim().split(':'))
}

function isNumber(text: string): boolean {
  return /^\d{1,10}$/.test(text)
}

function numeric(text: string | undefined): number | undefined {
  return text !== undefined && isNumber(text) && Number(text) <= MAX_ID ? Number(text) : undefined
}

function unknownName(kind: string, name: string): TlxcError {
  return new TlxcError('TEMPLATE', `cannot use the image: it runs as ${kind} "${name.replace(/\p{Cc}/gu, ' ')}", which it does not have`, { hint: 'the image is damaged, or not meant for containers' })
}
