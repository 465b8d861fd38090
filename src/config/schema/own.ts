/** Keys that only tlxc has (tlxc.…): LXC ignores such lines, so a file stays good for both. And lxc.include. */
import { duration } from '../codecs/duration.ts'
import { integer } from '../codecs/number.ts'
import { includeCodec } from './network.ts'
import { list, scalar, type KeyRow, type ScalarRow } from './row.ts'

/** How many snapshots a rule of tlxc-snapshot --prune keeps. */
export const keepCount = integer(0, 10_000)

const keep = (rule: string, example: string, doc: string): ScalarRow<number> =>
  scalar(`tlxc.snapshot.keep.${rule}`, keepCount, example, `tlxc-snapshot --prune keeps ${doc}; default that of tlxc.conf(5).`, { since: 'tlxc' })

/** What acts on them reads ContainerConfig.own, by full key. */
export const OWN = {
  snapshotKeepLast: keep('last', '3', 'the newest N snapshots'),
  snapshotKeepHourly: keep('hourly', '24', 'the newest snapshot of each of the last N hours that have one'),
  snapshotKeepDaily: keep('daily', '7', 'the newest snapshot of each of the last N days that have one'),
  snapshotKeepWeekly: keep('weekly', '4', 'the newest snapshot of each of the last N weeks (from Monday) that have one'),
  snapshotKeepMonthly: keep('monthly', '6', 'the newest snapshot of each of the last N months that have one'),
  snapshotKeepUndo: scalar('tlxc.snapshot.keep.undo', duration, '2d', 'How long tlxc-snapshot --prune leaves what a restore put aside, which --undo takes back; default that of tlxc.conf(5).', { since: 'tlxc' }),
}

export const INCLUDE: KeyRow<string> = list(
  'lxc.include',
  includeCodec,
  '/usr/local/share/tlxc/config/common.conf',
  'Read another file here, or every *.conf of a directory in order of names; a missing directory is no error.',
)
