/** A database that is written all the time in a running container comes back whole from every snapshot, and goes on when a snapshot is killed. */
import { execFileSync, spawn } from 'node:child_process'
import { cpSync, mkdirSync, mkdtempSync, readFileSync, readdirSync, realpathSync, rmSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { binDir, eventually, freshName, leavesNothing, must, run } from '../helpers/e2e.ts'

const SNAPSHOTS = 50
const KILLED = 8
const DATABASE = '/db/bank'

const name = freshName('db')
let scratch = ''
let lxcpath = ''
beforeAll(async () => {
  scratch = mkdtempSync('/var/tmp/tlxc-db-')
  lxcpath = join(scratch, 'lxc')
  mkdirSync(lxcpath, { mode: 0o711 })
  await must('create', '-P', lxcpath, '-q', '-n', name, '-t', 'busybox')
  addSqlite(join(lxcpath, name, 'rootfs'))
  mkdirSync(join(lxcpath, name, 'rootfs/db'))
  await start()
  await inside(`sqlite3 ${DATABASE} "PRAGMA journal_mode=WAL; CREATE TABLE debit(id INTEGER PRIMARY KEY, v INTEGER, pad BLOB);
    CREATE TABLE credit(id INTEGER PRIMARY KEY, v INTEGER, pad BLOB); CREATE INDEX by_v ON debit(v); CREATE TABLE counter(n INTEGER); INSERT INTO counter VALUES (0)"`)
})
afterAll(async () => {
  await must('destroy', '-P', lxcpath, '-f', '-s', '--purge', '-n', name)
  await leavesNothing(name)
  expect(readdirSync(join(lxcpath, '.pool')).filter((entry) => entry !== 'meta')).toEqual([])
  expect(readFileSync('/proc/self/mountinfo', 'utf8')).not.toContain(scratch)
  rmSync(scratch, { recursive: true })
})

/** The program of this machine and its libraries: the container has no packages. */
function addSqlite(rootfs: string): void {
  const program = execFileSync('sh', ['-c', 'command -v sqlite3']).toString().trim()
  const libraries = [...execFileSync('ldd', [program]).toString().matchAll(/(\/\S+) \(0x/g)].map(([, file = '']) => file)
  for (const file of [program, ...libraries]) {
    const to = join(rootfs, file)
    mkdirSync(dirname(to), { recursive: true })
    cpSync(realpathSync(file), to)
  }
}

const start = async (): Promise<void> => void (await must('start', '-P', lxcpath, '-n', name, '-s', 'lxc.net='))
const inside = (script: string): Promise<string> => must('attach', '-P', lxcpath, '-n', name, '--', 'sh', '-c', script)
const snapshot = (...args: string[]): Promise<string> => must('snapshot', '-P', lxcpath, '-n', name, ...args)
const counter = async (): Promise<number> => Number(await inside(`sqlite3 -readonly ${DATABASE} 'SELECT n FROM counter'`))

/**
 * One long transaction stream. Sums of both tables are equal after each transaction and different within; checkpoints are frequent, so that
 * the snapshots meet them as well. Not synced at each commit: a frozen process needs no disk to be consistent, and more is written so.
 */
const WRITER = `awk 'BEGIN { srand(7); print "PRAGMA synchronous=NORMAL; PRAGMA wal_autocheckpoint=60;"
  for (;;) { v = int(rand() * 1000); o = int(rand() * 500)
    print "BEGIN IMMEDIATE; UPDATE counter SET n = n + 1; INSERT INTO debit(v, pad) VALUES (" v ", randomblob(300));"
    print "UPDATE debit SET v = v + 5, pad = randomblob(200) WHERE id = (SELECT max(id) FROM debit) - " o ";"
    print "DELETE FROM debit WHERE id < (SELECT max(id) FROM debit) - 1000;"
    print "INSERT INTO credit(v, pad) VALUES (" v ", randomblob(300));"
    print "UPDATE credit SET v = v + 5 WHERE id = (SELECT max(id) FROM credit) - " o ";"
    print "DELETE FROM credit WHERE id < (SELECT max(id) FROM credit) - 1000; COMMIT;" } }' | sqlite3 -bail ${DATABASE}`

async function write(): Promise<void> {
  await inside(`(${WRITER}) >/dev/null 2>/db/errors </dev/null &`)
  await goesOn('the writer writes')
}

/** The container is not frozen, and its writer lives. */
async function goesOn(what: string): Promise<void> {
  const before = await counter()
  await eventually(what, async () => (await counter()) > before, 5000)
  expect(await inside('cat /db/errors')).toBe('')
}

interface Content {
  integrity: string
  n: number
  /** Of debit, credit: number, sum. */
  sums: [number, number, number, number]
}

async function query(database: string): Promise<Content> {
  const sql = 'PRAGMA integrity_check; SELECT n FROM counter; SELECT (SELECT count(*) FROM debit), (SELECT sum(v) FROM debit), (SELECT count(*) FROM credit), (SELECT sum(v) FROM credit)'
  const { stdout, stderr } = await run('sqlite3', [database, sql])
  const [integrity = '', n = '', sums = ''] = `${stderr}${stdout}`.split('\n')
  return { integrity, n: Number(n), sums: sums.split('|').map(Number) as Content['sums'] }
}

function expectWhole({ integrity, n, sums: [debits, debit, credits, credit] }: Content, what: string): void {
  expect([integrity, debits, debit], what).toEqual(['ok', credits, credit])
  expect([debits > 0, n > 0], what).toEqual([true, true])
}

/** What a restore of the snapshot would find. The files are copied, because SQLite recovers by writing. */
async function contentOf(snap: string): Promise<Content> {
  const path = (await snapshot('--browse', snap)).trim()
  const copy = join(scratch, snap)
  cpSync(join(path, 'db'), copy, { recursive: true })
  await snapshot('--release', snap)
  const content = await query(join(copy, 'bank'))
  rmSync(copy, { recursive: true })
  return content
}

/** Starts a snapshot and kills it, or the program that copies for it, after a time. Resolves with whether it was killed before its end. */
async function killedSnapshot(afterMs: number, victim: 'command' | 'helper'): Promise<boolean> {
  const child = spawn(join(binDir, 'tlxc-snapshot'), ['-P', lxcpath, '-n', name], { stdio: 'ignore' })
  const ended = new Promise<boolean>((resolve) => child.on('exit', (code) => resolve(code !== 0)))
  const pid = child.pid ?? 0
  if (victim === 'command') {
    await delay(afterMs)
    if (child.exitCode === null) process.kill(pid, 'SIGKILL')
    return ended
  }
  const helpers = (): number[] => (child.exitCode === null ? readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim().split(/\s+/).filter(Boolean).map(Number) : [])
  while (child.exitCode === null && helpers().length === 0) await delay(1)
  await delay(afterMs)
  for (const helper of helpers()) process.kill(helper, 'SIGKILL')
  return ended
}

test(`${SNAPSHOTS} snapshots of a database under load`, async () => {
  await write()
  const before: number[] = []
  let deltas = 0
  for (let i = 0; i < SNAPSHOTS; i++) {
    before.push(await counter())
    const text = await snapshot('--json')
    deltas += text.includes('"delta":true') ? 1 : 0
  }
  before.push(await counter())
  await goesOn('after the snapshots')
  expect(deltas).toBeGreaterThan(SNAPSHOTS / 2)

  for (let i = 0; i < SNAPSHOTS; i++) {
    const content = await contentOf(`snap${i}`)
    expectWhole(content, `snap${i}`)
    // What was committed before it was taken is in it, and nothing that was written after it had ended.
    expect([content.n >= (before[i] ?? NaN), content.n <= (before[i + 1] ?? NaN)], `snap${i}: ${before[i]} ${content.n} ${before[i + 1]}`).toEqual([true, true])
  }
})

test('a snapshot killed at any moment leaves the container running, and is whole or not there', async () => {
  // It ends after about this time when nobody kills it.
  const began = performance.now()
  await snapshot()
  const usual = performance.now() - began
  let killed = 0
  // Some have ended before their time.
  for (let i = 0; killed < KILLED && i < 5 * KILLED; i++) {
    const helper = i % 3 === 2
    if (await killedSnapshot(helper ? (usual / 4) * Math.random() : usual * Math.random(), helper ? 'helper' : 'command')) killed++
    // Thawed because the connection closed, long before the lease of 5 s ends.
    await eventually('it runs', async () => (await must('info', '-P', lxcpath, '-n', name, '-sH')).trim() === 'RUNNING', 2000)
    await goesOn(`after kill ${i}`)
  }
  expect(killed).toBe(KILLED)
  await snapshot('--name', 'after')
  const there = [...(await snapshot('-L')).matchAll(/^(snap\d+|after) /gm)].map(([, snap = '']) => snap)
  for (const snap of there.filter((one) => one === 'after' || Number(one.slice(4)) >= SNAPSHOTS)) expectWhole(await contentOf(snap), snap)
  // What the killed ones had copied went with the next that was not killed.
  expect(await must('checkconfig', '-P', lxcpath, '--storage')).toBe(`${lxcpath}: nothing wrong\n`)
})

test('a restore from the middle of the chain: the database goes on from there', async () => {
  const middle = `snap${SNAPSHOTS >> 1}`
  const then = await contentOf(middle)
  await snapshot('-r', middle, '--force')
  expect(await counter()).toBe(then.n)
  expect(await inside(`sqlite3 ${DATABASE} 'PRAGMA integrity_check'`)).toBe('ok\n')
  await write()
  await snapshot('--name', 'later')
  const later = await contentOf('later')
  expectWhole(later, 'later')
  expect(later.n).toBeGreaterThan(then.n)
  // The others are as they were.
  expect(await contentOf(middle)).toEqual(then)
  await must('stop', '-P', lxcpath, '-k', '-n', name)
})
