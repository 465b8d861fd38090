/** A freeze on a lease ends with its holder, whatever becomes of it. */
import { execFileSync, spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { chmodSync, existsSync, mkdirSync, readdirSync, readFileSync, rmdirSync, rmSync, writeFileSync } from 'node:fs'
import { connect, type Socket } from 'node:net'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest'
import { makePaths, runDir } from '../../src/host/paths.ts'
import { decodeJson, encodeJson, FrameDecoder } from '../../src/monitor/frame.ts'
import type { Reply, Request } from '../../src/protocol/generated.ts'
import { eventually, freshName, leavesNothing, must, repoRoot, run, tlxc } from '../helpers/e2e.ts'
import { makeImage, mountImage, unmountAll } from '../helpers/loop-fs.ts'

const name = freshName('lease')
let socketPath = ''

beforeAll(async () => {
  await must('create', '-q', '-n', name, '-t', 'busybox')
  await must('start', '-n', name, '-s', 'lxc.net=')
  const paths = makePaths(join(repoRoot, 'build/prefix'), process.env['TLXC_ROOT'])
  socketPath = `${runDir(paths, paths.lxcpath, name)}/command`
})
afterEach(async () => {
  await tlxc('unfreeze', '-n', name)
  await isRunning()
})
afterAll(async () => {
  await must('destroy', '-f', '-n', name)
  await leavesNothing(name)
})

const state = async (): Promise<string> => (await must('info', '-n', name, '-sH')).trim()
const isRunning = (): Promise<true> => eventually('it is thawed', async () => (await state()) === 'RUNNING')

/** A connection, its replies one after the other; null at its end. */
interface Holder {
  socket: Socket
  reply(): Promise<Reply | null>
}

async function ask(body: Omit<Request, 'version'>, before?: () => void): Promise<Holder> {
  const socket = connect(socketPath)
  await once(socket, 'connect')
  if (before !== undefined) {
    // The monitor has taken the connection by then.
    await new Promise((resolve) => setTimeout(resolve, 100))
    before()
  }
  socket.write(encodeJson({ version: 1, ...body }))
  const decoder = new FrameDecoder()
  const replies: Reply[] = []
  let ended = false
  socket.on('data', (chunk: Uint8Array) => replies.push(...decoder.push(chunk).map((frame) => decodeJson(frame) as Reply)))
  socket.on('close', () => (ended = true))
  return {
    socket,
    reply: () => eventually('an answer', () => Promise.resolve(replies.length > 0 || ended)).then(() => replies.shift() ?? null),
  }
}

const lease = (ms = 60_000): Promise<Holder> => ask({ op: 'freeze', lease_ms: ms, timeout_ms: 5_000 })

test('it is thawed when the connection closes', async () => {
  const holder = await lease()
  expect(await holder.reply()).toMatchObject({ ok: true, was_frozen: false })
  expect(await state()).toBe('FROZEN')
  holder.socket.destroy()
  await isRunning()
})

test('it is thawed when the holder is killed with SIGKILL', async () => {
  const program = `const s = require('net').connect(${JSON.stringify(socketPath)});
    const text = JSON.stringify({ version: 1, op: 'freeze', lease_ms: 60000 });
    const head = Buffer.alloc(5); head.writeUInt32LE(text.length); head.write('J', 4);
    s.write(Buffer.concat([head, Buffer.from(text)])); s.on('data', () => console.log('frozen'))`
  const child: ChildProcess = spawn(process.execPath, ['-e', program], { stdio: ['ignore', 'pipe', 'inherit'] })
  await once(child.stdout!, 'data')
  expect(await state()).toBe('FROZEN')
  child.kill('SIGKILL')
  await isRunning()
})

test('it is thawed when the time is up, and the holder is told', async () => {
  const start = Date.now()
  const holder = await lease(400)
  expect(await holder.reply()).toMatchObject({ ok: true })
  expect(await holder.reply()).toMatchObject({ ok: false, error: 'timeout' })
  expect(Date.now() - start).toBeGreaterThanOrEqual(400)
  await isRunning()
  expect(await holder.reply()).toBeNull()
})

test('what was frozen before stays frozen', async () => {
  await must('freeze', '-n', name)
  const holder = await lease(300)
  expect(await holder.reply()).toMatchObject({ ok: true, was_frozen: true })
  expect(await holder.reply()).toMatchObject({ ok: false, error: 'timeout' })
  const second = await lease()
  expect(await second.reply()).toMatchObject({ ok: true, was_frozen: true })
  second.socket.destroy()
  await new Promise((resolve) => setTimeout(resolve, 200))
  expect(await state()).toBe('FROZEN')
})

test('who freezes it for good meanwhile has it frozen', async () => {
  const holder = await lease()
  expect(await holder.reply()).toMatchObject({ ok: true, was_frozen: false })
  await must('freeze', '-n', name)
  holder.socket.destroy()
  await new Promise((resolve) => setTimeout(resolve, 200))
  expect(await state()).toBe('FROZEN')
})

/** What freezes its processes: [file, frozen, thawed]. v2 wherever it is, as the monitor does. */
function freezer(): [string, string, string] {
  const leaves = execFileSync('find', ['/sys/fs/cgroup', '-type', 'd', '-name', `tlxc.payload.${name}`], { encoding: 'utf8' }).trim().split('\n')
  const v2 = leaves.map((leaf) => `${leaf}/cgroup.freeze`).find((file) => existsSync(file))
  return v2 === undefined ? [leaves.map((leaf) => `${leaf}/freezer.state`).find((file) => existsSync(file)) ?? '', 'FROZEN', 'THAWED'] : [v2, '1', '0']
}

test('what was thawed by hand is frozen for it, and thawed at its end; what was frozen by hand stays so', async () => {
  const [file, frozen, thawed] = freezer()
  const freezes = (): string => readFileSync(file, 'utf8').trim()
  await must('freeze', '-n', name)
  writeFileSync(file, thawed)
  const holder = await lease()
  expect(await holder.reply()).toMatchObject({ ok: true, was_frozen: false })
  expect(freezes()).toBe(frozen)
  holder.socket.destroy()
  await isRunning()
  expect(freezes()).toBe(thawed)

  writeFileSync(file, frozen)
  const second = await lease()
  expect(await second.reply()).toMatchObject({ ok: true, was_frozen: true })
  second.socket.destroy()
  await new Promise((resolve) => setTimeout(resolve, 200))
  expect(freezes()).toBe(frozen)
})

test('tlxc-freeze and tlxc-unfreeze go by what is, not by what was asked for last', async () => {
  const [file, frozen, thawed] = freezer()
  writeFileSync(file, frozen)
  await must('unfreeze', '-n', name)
  expect(readFileSync(file, 'utf8').trim()).toBe(thawed)
  await must('freeze', '-n', name)
  writeFileSync(file, thawed)
  await must('freeze', '-n', name)
  expect(readFileSync(file, 'utf8').trim()).toBe(frozen)
})

test('the holder hears that somebody else thawed it', async () => {
  const holder = await lease()
  expect(await holder.reply()).toMatchObject({ ok: true })
  await must('unfreeze', '-n', name)
  expect(await holder.reply()).toMatchObject({ ok: false, error: 'canceled' })
  await isRunning()
})

test('there is one lease at a time', async () => {
  const holder = await lease()
  expect(await holder.reply()).toMatchObject({ ok: true })
  const other = await lease()
  expect(await other.reply()).toMatchObject({ ok: false, error: 'busy' })
  expect(await state()).toBe('FROZEN')
  holder.socket.destroy()
  await isRunning()
})

test('a lease of nothing, and one for ever, are refused', async () => {
  for (const ms of [0, 86_400_000]) {
    const holder = await lease(ms)
    expect(await holder.reply()).toMatchObject({ ok: false, error: 'bad-request' })
  }
  expect(await state()).toBe('RUNNING')
})

test('a holder that says more than it should loses it', async () => {
  const holder = await lease()
  expect(await holder.reply()).toMatchObject({ ok: true })
  holder.socket.write(encodeJson({ version: 1, op: 'status' }))
  await isRunning()
})

test('a holder that does not wait for the answer leaves nothing frozen', async () => {
  for (let i = 0; i < 20; i++) {
    const holder = await lease()
    holder.socket.destroy()
  }
  await isRunning()
})

test('it can be killed while it is frozen on a lease', async () => {
  const holder = await lease()
  expect(await holder.reply()).toMatchObject({ ok: true })
  await must('stop', '-k', '-n', name)
  await must('start', '-n', name, '-s', 'lxc.net=')
})

const monitorPid = async (): Promise<number> => {
  const init = (await must('info', '-n', name, '-pH')).trim()
  return Number(/^PPid:\s+(\d+)/m.exec(readFileSync(`/proc/${init}/status`, 'utf8'))?.[1])
}

const limitOf = (pid: number): string =>
  execFileSync('prlimit', ['--pid', String(pid), '--nofile', '--raw', '--noheadings', '--output', 'SOFT,HARD'], { encoding: 'utf8' }).trim().replace(/\s+/, ':')

function limit(pid: number, files: string): void {
  execFileSync('prlimit', ['--pid', String(pid), `--nofile=${files}`])
}

/** Leaves it so many descriptors. */
function leave(pid: number, left: number): void {
  const used = new Set(readdirSync(`/proc/${pid}/fd`).map(Number))
  const free = Array.from({ length: used.size + left + 1 }, (_, fd) => fd).filter((fd) => !used.has(fd))
  limit(pid, `${free[left] ?? 0}:`)
}

/** Ticks of processor time. */
const spent = (pid: number): number =>
  readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]!.split(' ').slice(11, 13).map(Number).reduce((a, b) => a + b)

test('device rules of which one is refused change nothing', async () => {
  const usable = (): Promise<string> => must('attach', '-n', name, '--', 'cat', '/dev/null')
  await usable()
  const refused = await ask({ op: 'devices', rules: [{ version: 2, allow: false, rule: 'c 1:3 rwm' }, { version: 1, allow: true, rule: 'no rule' }] })
  expect(await refused.reply()).toMatchObject({ ok: false, error: 'failed' })
  await usable()
})

test('a monitor that has no descriptor left to watch a freeze takes it back', async () => {
  const monitor = await monitorPid()
  const limits = limitOf(monitor)
  // One for the file that is written and the one that is watched, one after the other; none for the timer.
  const holder = await ask({ op: 'freeze', timeout_ms: 5_000 }, () => leave(monitor, 1))
  try {
    expect(await holder.reply()).toMatchObject({ ok: false, error: 'failed' })
  } finally {
    limit(monitor, limits)
  }
  expect(await state()).toBe('RUNNING')
  await must('attach', '-n', name, '--', 'true')
})

test('a monitor that has no descriptor left for a client refuses it, and rests', async () => {
  const monitor = await monitorPid()
  const limits = limitOf(monitor)
  const used = readdirSync(`/proc/${monitor}/fd`).map(Number)
  const numbers = Math.max(...used) + 1
  const sockets: Socket[] = []
  limit(monitor, `${numbers}:`)
  try {
    for (let i = used.length; i < numbers; i++) {
      sockets.push(connect(socketPath))
      await once(sockets.at(-1)!, 'connect')
    }
    const before = spent(monitor)
    sockets.push(connect(socketPath).resume())
    await once(sockets.at(-1)!, 'close')
    expect(readdirSync(`/proc/${monitor}/fd`)).toHaveLength(numbers)
    await new Promise((resolve) => setTimeout(resolve, 300))
    expect(spent(monitor) - before).toBeLessThan(10)
  } finally {
    limit(monitor, limits)
    for (const socket of sockets) socket.destroy()
  }
  expect(await state()).toBe('RUNNING')
})

test('a client that only waits for the rest does not keep the monitor busy', async () => {
  const monitor = await monitorPid()
  const socket = connect({ path: socketPath, allowHalfOpen: true })
  await once(socket, 'connect')
  socket.write(encodeJson({ version: 1, op: 'console', tty: 0, watch: true }))
  // Nobody reads.
  await must('attach', '-n', name, '--', 'sh', '-c', 'head -c 2000000 /dev/zero >/dev/console')
  socket.end()
  await new Promise((resolve) => setTimeout(resolve, 100))
  const before = spent(monitor)
  await new Promise((resolve) => setTimeout(resolve, 500))
  expect(spent(monitor) - before).toBeLessThan(10)
  socket.destroy()
})

/** What waits for a frozen file system cannot be frozen: it is in the kernel, and does not come out. */
test('a freeze that does not come to its end is called off by an unfreeze', async () => {
  const base = join(process.env['TLXC_ROOT'] ?? '', 'stuck')
  mkdirSync(base)
  makeImage(`${base}.img`, 'ext4', 16)
  mountImage(`${base}.img`, base, 'ext4')
  chmodSync(base, 0o777)
  try {
    await must('stop', '-k', '-n', name)
    await must('start', '-n', name, '-s', 'lxc.net=', '-s', `lxc.mount.entry=${base} mnt none bind 0 0`)
    execFileSync('fsfreeze', ['-f', base])
    const stuck = tlxc('attach', '-n', name, '--', 'touch', '/mnt/file')
    let freezing: ReturnType<typeof tlxc> | undefined
    try {
      await eventually('it is stuck', async () => / D .*touch/.test((await run('ps', ['-eo', 'pid,stat,args'])).stdout.replaceAll(/ D\S*/g, ' D ')))
      freezing = tlxc('freeze', '-n', name)
      await eventually('it freezes', async () => (await state()) === 'FREEZING')
      await must('unfreeze', '-n', name)
      expect((await freezing).code).toBe(1)
      await isRunning()
    } finally {
      execFileSync('fsfreeze', ['-u', base])
    }
    expect((await stuck).code).toBe(0)
  } finally {
    await must('stop', '-k', '-n', name)
    unmountAll(base)
    rmdirSync(base)
    rmSync(`${base}.img`)
    await must('start', '-n', name, '-s', 'lxc.net=')
  }
})
