/** Rows of storage: snapshots, restores, clones, copies and destroys of a Debian, beside what LXC does with full copies; and a running snapshot. */
import { execFileSync, spawnSync } from 'node:child_process'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { compare, median, quiet, time, type Sample } from './measure.ts'

export interface Bench {
  /** `tlxc-PROGRAM -P OURS …` and `lxc-PROGRAM -P THEIRS …`. */
  t: (program: string, ...args: string[]) => string[]
  l: (program: string, ...args: string[]) => string[]
  row: (what: string, target: string, measure: () => Sample, unit?: string) => void
  ours: string
  /** For LXC's full copies: a directory whose entries ext4 spreads over the disk. It is slow where much was removed minutes ago, here by the rows before. */
  undisturbed: string
}

export const STORAGE_TITLES = [
  'snapshot', 'restore', 'restore to a new name', 'clone', 'full copy', 'full copy, both on the disk', 'destroy of a copy', 'snapshot of 10 GB', 'restore of 10 GB', 'clone of 10 GB',
  'snapshot: of that syncfs', 'snapshot of 10 GB: of that syncfs', 'snapshot after 200 MB were written', 'snapshot after 200 MB: of that syncfs',
  'running snapshot: frozen', 'running snapshot: syncfs while it runs',
] as const

/** Of LXC's; its own snapshots and restores are full copies too, so that the page cache alone makes their ratios differ. */
const FULL_COPY = '≤ 0.02× of a full copy'

/** "deb" is a stopped Debian of the same files with both; without dirty data, as cron finds it at night. */
export function storageRows({ t, l, row, ours, undisturbed }: Bench): void {
  const clean = (): void => void execFileSync('sync')
  const after = (work: () => number, ...cleanUp: string[][]): number => {
    clean()
    const ms = work()
    cleanUp.forEach((argv) => quiet(argv))
    return ms
  }
  const turns = 3
  row('snapshot', FULL_COPY, () => compare(turns, () => after(() => time(t('snapshot', '-n', 'deb'))), () => after(() => time(l('snapshot', '-n', 'deb')))))
  row('snapshot: of that syncfs', 'shown', () => ({ tlxc: median([1, 2, 3].map(() => { clean(); return take(t, 'deb').sync_ms })), lxc: NaN }))
  row('restore', FULL_COPY, () => compare(turns, () => after(() => time(t('snapshot', '-n', 'deb', '-r', 'snap0'))), () => after(() => time(l('snapshot', '-n', 'deb', '-r', 'snap0')))))
  row('restore to a new name', FULL_COPY, () =>
    compare(turns, () => after(() => time(t('snapshot', '-n', 'deb', '-r', 'snap0', '-N', 'rn')), t('destroy', '-n', 'rn')), () => after(() => time(l('snapshot', '-n', 'deb', '-r', 'snap0', '-N', 'rn')), l('destroy', '-n', 'rn'))))
  // LXC's full copy: what a clone that does not depend on its original's files costs there.
  row('clone', FULL_COPY, () => compare(turns, () => after(() => time(t('copy', '-n', 'deb', '-N', 'cl', '-s')), t('destroy', '-n', 'cl')), () => after(() => time(l('copy', '-n', 'deb', '-N', 'cl')), l('destroy', '-n', 'cl'))))
  const ourCopy = (): number => after(() => time(t('copy', '-n', 'deb', '-N', 'fc')), t('destroy', '-n', 'fc'))
  const theirCopy = (...then: string[][]): number => {
    // Another name each time: ext4 makes of it where the spreading begins.
    const name = `fc${Date.now().toString(36)}`
    return after(() => [l('copy', '-n', 'deb', '-N', name, '-p', undisturbed), ...then].reduce((ms, argv) => ms + time(argv), 0), ['lxc-destroy', '-P', undisturbed, '-n', name])
  }
  row('full copy', '≤ 0.7×', () => compare(5, ourCopy, () => theirCopy()))
  // LXC leaves the data in the page cache, ours is on the disk when the command ends.
  row('full copy, both on the disk', '—', () => compare(5, ourCopy, () => theirCopy(['sync'])))
  row('destroy of a copy', FULL_COPY, () =>
    compare(turns,
      () => { quiet(t('copy', '-n', 'deb', '-N', 'dc')); clean(); return time(t('destroy', '-n', 'dc')) },
      () => { quiet(l('copy', '-n', 'deb', '-N', 'dc')); clean(); return time(l('destroy', '-n', 'dc')) }))
  quiet(t('destroy', '--empty-trash'))
  tenGigabytes(t, row, ours, clean)
  running(t, row, ours)
}

/** The same steps when the root filesystem is thirty times as large; nothing to compare with, but the rows above. */
function tenGigabytes(t: Bench['t'], row: Bench['row'], ours: string, clean: () => void): void {
  quiet(t('copy', '-n', 'deb', '-N', 'big', '-s'))
  execFileSync('fallocate', ['-l', '10G', join(ours, 'big/rootfs/var/large')])
  const alone = (measure: () => number): Sample => ({ tlxc: median([1, 2, 3].map(() => { clean(); return measure() })), lxc: NaN })
  row('snapshot of 10 GB', 'as of 300 MB', () => alone(() => time(t('snapshot', '-n', 'big'))))
  row('snapshot of 10 GB: of that syncfs', 'shown', () => alone(() => take(t, 'big').sync_ms))
  written(t, row, ours)
  row('restore of 10 GB', 'as of 300 MB', () => alone(() => time(t('snapshot', '-n', 'big', '-r', 'snap0'))))
  row('clone of 10 GB', 'as of 300 MB', () => alone(() => { const ms = time(t('copy', '-n', 'big', '-N', 'bc', '-s')); quiet(t('destroy', '--purge', '-n', 'bc')); return ms }))
  quiet(t('destroy', '-s', '--purge', '-n', 'big'))
}

interface Taken {
  frozen_ms: number
  sync_ms: number
}

/** A snapshot, and what it says of itself. */
function take(t: Bench['t'], name: string): Taken {
  const [file = '', ...args] = t('snapshot', '-n', name, '--json')
  const { status, stdout, stderr } = spawnSync(file, args)
  if (status !== 0) throw new Error(`snapshot of ${name} ended with ${status}: ${stderr.toString()}`)
  return (JSON.parse(stdout.toString()) as { results: [{ snapshot: Taken }] }).results[0].snapshot
}

/** By day: the disk is not clean. Most of it is then the syncfs that makes the data durable before the snapshot is committed. */
function written(t: Bench['t'], row: Bench['row'], ours: string): void {
  const dirty = Buffer.alloc(200e6, 'd')
  const after = (measure: () => number): Sample => ({
    tlxc: median([1, 2, 3].map(() => {
      writeFileSync(join(ours, 'big/rootfs/var/dirty'), dirty)
      return measure()
    })),
    lxc: NaN,
  })
  row('snapshot after 200 MB were written', 'syncfs + a clean one', () => after(() => time(t('snapshot', '-n', 'big'))))
  row('snapshot after 200 MB: of that syncfs', 'shown', () => after(() => take(t, 'big').sync_ms))
}

const FILES = 50_000
const DIRECTORIES = 2000
const FILE_SIZE = 42_000

/** An upper of 2 GB in 50 000 files, of which 500 change before each snapshot: how long the container is frozen, in milliseconds. */
function running(t: Bench['t'], row: Bench['row'], ours: string): void {
  quiet(t('copy', '-n', 'deb', '-N', 'live', '-s'))
  const data = join(ours, 'live/rootfs/srv')
  const bytes = Buffer.alloc(FILE_SIZE, 'x')
  for (let d = 0; d < DIRECTORIES; d++) {
    mkdirSync(join(data, `d${d}`))
    for (let f = 0; f < FILES / DIRECTORIES; f++) writeFileSync(join(data, `d${d}/f${f}`), bytes)
  }
  quiet(t('start', '-n', 'live'))
  // The first one copies everything.
  quiet(t('snapshot', '-n', 'live'))
  const change = (): Taken => {
    const script = 'n=0; while [ $n -lt 2000 ]; do echo changed >>/srv/d$n/f0; n=$((n+4)); done'
    quiet(t('attach', '-n', 'live', '--', 'sh', '-c', script))
    return take(t, 'live')
  }
  const taken = Array.from({ length: 7 }, change)
  row('running snapshot: frozen', '≤ 50 ms, ≤ 100 ms', () => ({ tlxc: median(taken.map((one) => one.frozen_ms)), lxc: NaN }))
  row('running snapshot: syncfs while it runs', 'shown', () => ({ tlxc: median(taken.map((one) => one.sync_ms)), lxc: NaN }))
  quiet(t('stop', '-k', '-n', 'live'))
  quiet(t('destroy', '-s', '--purge', '-n', 'live'))
}
