/**
 * Locks between commands, by proper-lockfile (the only importer), which keeps the book of those that we wait for. A lock is a directory with one
 * file in it, whose name is its holder: PID-START. It is made elsewhere and gets its place by one rename, it goes by one rename, and a dead
 * holder's is taken over by one rename of the file: at no moment is it there without a name, so that no time has to pass before a lock may be
 * called dead, and of many waiters one has it. The library's own idea of a stale lock (an old mtime) is switched off: a frozen laptop is no
 * dead holder. Here one is dead when its pid is gone or belongs to a younger process.
 */
import * as fs from 'node:fs'
import { basename, dirname } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { LockedError, errnoOf, type LockHolder } from '../errors.ts'
import type { HeldLock } from './host.ts'
import { processStart } from './process-start.ts'

interface Holder {
  pid: number
  /** Field 22 of /proc/PID/stat: a recycled pid has another. */
  start: number
  /** The file. */
  name: string
}

const POLL = 25
/** proper-lockfile wants numbers. A timer ends at 24 days. */
const NEVER_STALE = 48 * 24 * 3600 * 1000
const RENEW = 24 * 24 * 3600 * 1000

export interface LockOptions {
  /** How long to wait for another holder. */
  timeoutMs: number
  /** For the error of those who wait: "snapshot". */
  purpose: string
}

/** Throws LockedError when timeoutMs is over. */
export async function lockPath(path: string, { timeoutMs, purpose }: LockOptions): Promise<HeldLock> {
  fs.mkdirSync(dirname(path), { recursive: true, mode: 0o700 })
  // Most locks are free, and loading the library costs a start more than a tenth of its time.
  if (take(path, purpose) || takeOver(path, purpose)) return held(path)
  const lockfile = await import('proper-lockfile')
  const deadline = performance.now() + timeoutMs
  for (;;) {
    if (takeOver(path, purpose)) return held(path)
    try {
      // Nobody but a person with rm takes our directory away; what runs on is then on that person.
      const release = await lockfile.lock(path, {
        lockfilePath: path, realpath: false, stale: NEVER_STALE, update: RENEW, onCompromised: () => undefined, fs: { ...fs, ...ways(purpose) },
      })
      return { release }
    } catch (error) {
      if (errnoOf(error) !== 'ELOCKED') throw error
    }
    if (!fs.existsSync(path)) continue
    if (performance.now() >= deadline) throw new LockedError(path, whoHolds(path))
    await sleep(POLL)
  }
}

function held(path: string): HeldLock {
  return {
    release: () => {
      free(path)
      return Promise.resolve()
    },
  }
}

/** False: somebody has it. An empty directory is nobody's, and rename(2) puts ours in its place. */
function take(path: string, purpose: string): boolean {
  const own = besides(path)
  fs.rmSync(own, { recursive: true, force: true })
  fs.mkdirSync(own, { mode: 0o700 })
  try {
    fs.writeFileSync(`${own}/${ourName()}`, purpose, { mode: 0o600 })
    fs.renameSync(own, path)
    return true
  } catch (error) {
    fs.rmSync(own, { recursive: true, force: true })
    if (errnoOf(error) === 'ENOTEMPTY' || errnoOf(error) === 'EEXIST') return false
    throw error
  }
}

/** True: its holder was dead, and the lock is ours. */
function takeOver(path: string, purpose: string): boolean {
  const holder = holderOf(path)
  if (holder === null || isAlive(holder)) return false
  const ours = `${path}/${ourName()}`
  try {
    fs.renameSync(`${path}/${holder.name}`, ours)
  } catch (error) {
    // Somebody was quicker.
    if (errnoOf(error) === 'ENOENT') return false
    throw error
  }
  fs.writeFileSync(ours, purpose)
  return true
}

function free(path: string): void {
  const own = besides(path)
  fs.renameSync(path, own)
  fs.rmSync(own, { recursive: true, force: true })
}

type Done = (error: Error | null) => void

/** How the library makes and removes a lock. It says EEXIST for one that is there. */
function ways(purpose: string): { mkdir: (path: string, done: Done) => void; rmdir: (path: string, done: Done) => void; rmdirSync: (path: string) => void } {
  return {
    mkdir: (path, done) => settle(done, () => {
      if (!take(path, purpose)) throw Object.assign(new Error('it is there'), { code: 'EEXIST' })
    }),
    rmdir: (path, done) => settle(done, () => free(path)),
    rmdirSync: free,
  }
}

function settle(done: Done, work: () => void): void {
  try {
    work()
  } catch (error) {
    return done(error as Error)
  }
  done(null)
}

/** No lock's name ends like this: it begins with a dot, and with none of those that do. */
function besides(path: string): string {
  return `${dirname(path)}/.${basename(path)}.${process.pid}`
}

function ourName(): string {
  return `${process.pid}-${processStart(fs, '/proc', process.pid) ?? 0}`
}

/** null: it is nobody's, or just goes. */
function holderOf(path: string): Holder | null {
  const [name = ''] = list(path)
  const [, pid, start] = /^(\d+)-(\d+)$/.exec(name) ?? []
  return pid === undefined ? null : { pid: Number(pid), start: Number(start), name }
}

function list(path: string): string[] {
  try {
    return fs.readdirSync(path)
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return []
    throw error
  }
}

function isAlive({ pid, start }: Holder): boolean {
  return processStart(fs, '/proc', pid) === start
}

function whoHolds(path: string): LockHolder | null {
  const holder = holderOf(path)
  return holder === null ? null : { pid: holder.pid, purpose: purposeOf(path, holder) }
}

/** Empty for the moment in which it is taken over from a dead one. */
function purposeOf(path: string, { name }: Holder): string | null {
  try {
    return fs.readFileSync(`${path}/${name}`, 'utf8') || null
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return null
    throw error
  }
}
