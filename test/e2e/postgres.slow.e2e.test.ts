/**
 * PostgreSQL of Debian's packages, written to by several clients all the time: every running snapshot recovers to a whole database that lacks
 * no commit that was acknowledged before. Downloads a Debian and boots it once for each snapshot: only with TLXC_TEST_SLOW=1 (vitest.config.ts).
 */
import { spawn, type ChildProcess } from 'node:child_process'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { binDir, eventually, freshName, leavesNothing, must, tlxc } from '../helpers/e2e.ts'
import { slowCreate, useSharedCache } from '../helpers/shared-cache.ts'

const SNAPSHOTS = 50
const CLIENTS = 4
const ACCOUNTS = 20_000
const EACH = 1000

const name = freshName('pg')
/** Of the cluster in the container, as Debian's tools want it: version and name. */
let cluster = ''

const inside = (container: string, script: string): Promise<string> => must('attach', '-n', container, '--', 'sh', '-ec', script)
const asPostgres = (container: string, command: string): Promise<string> => inside(container, `cd /; runuser -u postgres -- ${command}`)
const query = (container: string, sql: string): Promise<string> => asPostgres(container, `psql -XqAt -v ON_ERROR_STOP=1 -d bank -c '${sql}'`)
/** Finds what is wrong in any table or index: what an index says of the table, too. Says nothing when there is nothing. */
const check = (container: string): Promise<string> => asPostgres(container, '/usr/lib/postgresql/*/bin/pg_amcheck --all --install-missing --heapallindexed --parent-check')
const whenReady = (container: string): Promise<true> =>
  eventually(`PostgreSQL of ${container}`, async () => (await tlxc('attach', '-n', container, '--', 'pg_isready', '-q')).code === 0, 120_000)

beforeAll(async () => {
  useSharedCache()
  await slowCreate('-q', '-n', name, '-t', 'debian', '--', '--packages=postgresql')
  await must('start', '-n', name)
  await whenReady(name)
  cluster = (await inside(name, 'pg_lsclusters -h')).split(/\s+/, 2).join(' ')
  // Checksums; so little room for its log that snapshots meet checkpoints, and files of the log are renamed all the time. A copy that is not of
  // one moment would often be mended by the log, if it copies that last: so the log is where it is copied first, in small files, and has no whole pages;
  // and with so little memory pages are written all the time.
  await inside(name, `pg_dropcluster --stop ${cluster}
    install -d -o postgres -g postgres -m 700 /srv/log
    pg_createcluster ${cluster} -o full_page_writes=off -o shared_buffers=512kB -o max_wal_size=32MB -o min_wal_size=32MB -o checkpoint_timeout=30s \
      -o autovacuum_naptime=1s -- --data-checksums --waldir=/srv/log/wal --wal-segsize=1
    pg_ctlcluster ${cluster} start`)
  await whenReady(name)
  await asPostgres(name, 'createdb bank')
  await query(name, `CREATE TABLE account(id int PRIMARY KEY, amount int NOT NULL); CREATE TABLE log(client int, n int, pad text, PRIMARY KEY (client, n));
    CREATE INDEX by_pad ON log USING hash (pad); INSERT INTO account SELECT id, ${EACH} FROM generate_series(1, ${ACCOUNTS}) AS id`)
}, 1_200_000)
afterAll(async () => {
  await must('destroy', '-f', '-s', '--purge', '-n', name)
  await leavesNothing(name)
})

/**
 * Moves amounts, so that their sum is the same after each transaction and another one within; what was moved goes to the log, some of it with a
 * text that lies outside the table. Its number is told (stderr: at once) when the server has acknowledged the commit. The lower account comes
 * first, or two clients would wait for each other.
 */
const transfers = (client: number, last = 1e9): string => `awk 'BEGIN { srand(${client})
  for (n = 1; n <= ${last}; n++) { a = 1 + int(rand() * ${ACCOUNTS - 1}); b = a + 1 + int(rand() * (${ACCOUNTS} - a)); v = int(rand() * 200) - 100
    move = "BEGIN; UPDATE account SET amount = amount - " v " WHERE id = " a "; UPDATE account SET amount = amount + " v " WHERE id = " b ";"
    if (n % 10 == 0) print move " ROLLBACK;"
    pad = n % 5 ? "md5(random()::text)" : "(SELECT string_agg(md5(random()::text), NULL) FROM generate_series(1, 100))"
    print move " INSERT INTO log VALUES (${client}, " n ", " pad "); COMMIT;"
    print "\\\\warn " n } }' | runuser -u postgres -- env PGOPTIONS='-c statement_timeout=30s' psql -Xq -v ON_ERROR_STOP=1 -d bank >/dev/null`

/** Tables and indexes get new files while they are written to. */
const UPKEEP = `while :; do echo 'VACUUM FULL account; REINDEX TABLE log; CHECKPOINT; SELECT pg_sleep(0.3);'; done |
  runuser -u postgres -- psql -Xq -v ON_ERROR_STOP=1 -d bank >/dev/null`

interface Client {
  child: ChildProcess
  /** The last number that was told. */
  acknowledged: number
  /** Anything else that was said. */
  said: string[]
}

function startClient(script: string): Client {
  const child = spawn(join(binDir, 'tlxc-attach'), ['-n', name, '--', 'sh', '-c', `cd /; ${script}`], { stdio: ['ignore', 'ignore', 'pipe'] })
  const client: Client = { child, acknowledged: 0, said: [] }
  if (child.stderr) createInterface(child.stderr).on('line', (line) => {
    if (/^\d+$/.test(line)) client.acknowledged = Number(line)
    else client.said.push(line)
  })
  return client
}

interface Snapshot {
  frozenMs: number
  delta: boolean
  /** Of each client: acknowledged before it was begun, committed when it had ended. */
  before: number[]
  after: number[]
}

/** Of each client: the last number that is committed, and how many are. */
async function committed(container: string): Promise<{ last: number[]; count: number[] }> {
  const rows = (await query(container, 'SELECT client, max(n), count(*) FROM log GROUP BY client')).trim().split('\n').map((row) => row.split('|').map(Number))
  const of = (column: number): number[] => Array.from({ length: CLIENTS }, (_, client) => rows.find(([one]) => one === client)?.[column] ?? 0)
  return { last: of(1), count: of(2) }
}

async function take(clients: readonly Client[]): Promise<Snapshot> {
  const before = clients.map(({ acknowledged }) => acknowledged)
  const { results } = JSON.parse(await must('snapshot', '-n', name, '--json')) as { results: [{ snapshot: { frozen_ms: number; delta: boolean } }] }
  const { frozen_ms: frozenMs, delta } = results[0].snapshot
  return { frozenMs, delta, before, after: (await committed(name)).last }
}

const snapshots: Snapshot[] = []

test(`${SNAPSHOTS} snapshots while ${CLIENTS} clients commit`, async () => {
  const clients = Array.from({ length: CLIENTS }, (_, client) => startClient(transfers(client)))
  const upkeep = startClient(UPKEEP)
  const all = [...clients, upkeep]
  for (const client of clients) await eventually('a commit', () => Promise.resolve(client.acknowledged > 0))
  for (let i = 0; i < SNAPSHOTS; i++) snapshots.push(await take(clients))

  // They still work, and nothing was wrong with any of it.
  const then = clients.map(({ acknowledged }) => acknowledged)
  await eventually('more commits', () => Promise.resolve(clients.every(({ acknowledged }, i) => acknowledged > (then[i] ?? 0))))
  expect(all.map(({ said, child }) => [said, child.exitCode])).toEqual(all.map(() => [[], null]))
  await must('stop', '-k', '-n', name)
  await Promise.all(all.map(({ child }) => child.exitCode ?? new Promise((resolve) => child.on('exit', resolve))))

  const pauses = snapshots.map(({ frozenMs }) => frozenMs).sort((a, b) => a - b)
  const total = then.reduce((sum, n) => sum + n, 0)
  process.stdout.write(`frozen: median ${pauses[SNAPSHOTS >> 1]} ms, longest ${pauses.at(-1)} ms; ${snapshots.filter(({ delta }) => delta).length} deltas; ${total} commits\n`)
  // Files of the log are renamed over each other and tables get new files, but all of them are of the upper.
  expect(snapshots.filter(({ delta }) => delta).length).toBeGreaterThan(SNAPSHOTS / 2)
}, 900_000)

/** A container from the snapshot boots, and its PostgreSQL recovers as after a power cut. */
async function examine(i: number, { before, after }: Snapshot): Promise<void> {
  const copy = freshName('pgcopy')
  await must('snapshot', '-n', name, '-r', `snap${i}`, '-N', copy)
  try {
    await must('start', '-n', copy, '-s', 'lxc.net=')
    await whenReady(copy)
    const { last, count } = await committed(copy)
    expect(await query(copy, 'SELECT count(*), sum(amount) FROM account'), `snap${i}`).toBe(`${ACCOUNTS}|${ACCOUNTS * EACH}\n`)
    expect(count, `snap${i}: without gaps`).toEqual(last)
    expect(last.map((n, client) => n >= (before[client] ?? NaN) && n <= (after[client] ?? NaN)), `snap${i}: ${JSON.stringify([before, last, after])}`).toEqual(last.map(() => true))
    // It goes on: numbers of transactions that the recovered log does not know are given again, and would show what later ones had left in tables.
    await inside(copy, `cd /; ${transfers(CLIENTS, 500)} 2>&1`)
    expect(await query(copy, 'SELECT count(*), sum(amount) FROM account'), `snap${i}: later`).toBe(`${ACCOUNTS}|${ACCOUNTS * EACH}\n`)
    expect(await check(copy), `snap${i}`).toBe('')
    // Of a server that is stopped.
    expect(await inside(copy, `pg_ctlcluster ${cluster} stop; cd /; runuser -u postgres -- /usr/lib/postgresql/*/bin/pg_checksums --check -D /var/lib/postgresql/${cluster.replace(' ', '/')}`))
      .toMatch(/^Bad checksums: +0$/m)
  } finally {
    await tlxc('stop', '-k', '-n', copy)
    await must('destroy', '-n', copy)
    await leavesNothing(copy)
  }
}

test('each recovers to a whole database with every commit that was acknowledged before it', async () => {
  for (const [i, snapshot] of snapshots.entries()) await examine(i, snapshot)
}, 1_800_000)

test('the container that was copied goes on, too', async () => {
  await must('start', '-n', name)
  await whenReady(name)
  expect(await query(name, 'SELECT count(*), sum(amount) FROM account')).toBe(`${ACCOUNTS}|${ACCOUNTS * EACH}\n`)
  expect(await check(name)).toBe('')
})
