import { spawn, spawnSync } from 'node:child_process'
import * as fs from 'node:fs'
import * as net from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { LockedError } from '../../../src/errors.ts'
import { parseStatStart } from '../../../src/host/parse-proc.ts'
import { makeHost } from '../../../src/host/real-host.ts'

const host = makeHost({ prefix: '/opt/tlxc', root: '/nowhere', env: { PATH: process.env['PATH'], WORD: 'yes' }, cwd: '/' })
let dir = ''

beforeEach(() => {
  dir = fs.mkdtempSync(join(tmpdir(), 'tlxc-host-'))
})
afterEach(() => fs.rmSync(dir, { recursive: true, force: true }))

describe('exec', () => {
  it('gives output and exit code, and a failure is a result', async () => {
    const result = await host.exec('sh', ['-c', 'echo "$WORD"; echo oops >&2; exit 3'])
    expect(result).toEqual({ exitCode: 3, signal: null, stdout: 'yes\n', stderr: 'oops\n' })
  })

  it('takes input and shows output as it comes', async () => {
    const pieces: string[] = []
    const result = await host.exec('cat', [], { input: 'äbc', onOutput: (text) => pieces.push(text) })
    expect(result.stdout).toBe('äbc')
    expect(pieces.join('')).toBe('äbc')
  })

  it('replaces the environment and sets the umask of the child only', async () => {
    const before = process.umask()
    const result = await host.exec('/bin/sh', ['-c', 'umask; echo "[$WORD]"'], { env: {}, umask: 0o27 })
    expect(result.stdout).toBe('0027\n[]\n')
    expect(process.umask()).toBe(before)
  })

  it('finds the programs of /usr/sbin from cron, whose PATH has no such directory, and keeps the order of PATH', async () => {
    const pathOf = async (env: Record<string, string>): Promise<string> => (await makeHost({ prefix: '/x', env, cwd: '/' }).exec('sh', ['-c', 'echo "$PATH"'])).stdout
    expect(await pathOf({ PATH: '/usr/bin:/bin' })).toBe('/usr/bin:/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/sbin\n')
    expect(await pathOf({})).toBe('/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin\n')
  })

  it('names a missing program', async () => {
    await expect(host.exec('no-such-program-here', [])).rejects.toMatchObject({ code: 'EXEC', message: expect.stringContaining('no-such-program-here') })
    await expect(host.exec('no-such-program-here', [], { input: '' })).rejects.toMatchObject({ code: 'EXEC' })
  })

  it('reports a signal', async () => {
    expect(await host.exec('sh', ['-c', 'kill -TERM $$'])).toMatchObject({ exitCode: null, signal: 'SIGTERM' })
  })

  it('ends the program when aborted', async () => {
    const controller = new AbortController()
    setTimeout(() => controller.abort(), 50)
    await expect(host.exec('sleep', ['20'], { signal: controller.signal })).rejects.toMatchObject({ code: 'INTERRUPTED' })
  })
})

describe('runNative', () => {
  it('resolves with the report although a daemon keeps the descriptor', async () => {
    const started = performance.now()
    const result = await host.runNative('/bin/sh', ['-c', 'echo \'{"ok":true}\' >&3; sleep 1.5 & exit 0'])
    expect(result.report).toBe('{"ok":true}')
    expect(performance.now() - started).toBeLessThan(1200)
  })

  it('gives the exit code when nothing was reported', async () => {
    expect(await host.runNative('/bin/sh', ['-c', 'exit 7'])).toEqual({ report: '', exitCode: 7 })
  })

  it('names a missing helper', async () => {
    await expect(host.runNative('/nowhere/monitor', [])).rejects.toMatchObject({ code: 'EXEC' })
  })
})

describe('become', () => {
  const program = `
    import { makeHost } from ${JSON.stringify(new URL('../../../src/host/real-host.ts', import.meta.url).pathname)}
    const host = makeHost({ prefix: '/x', env: {}, cwd: '/tmp' })
    process.exitCode = await host.become('/bin/sh', ['-c', 'echo $$ $WORD; pwd; exit 5'], { WORD: 'new' })
  `
  it('runs the program with the given environment and passes its exit code', () => {
    const file = join(dir, 'become.ts')
    fs.writeFileSync(file, program)
    const bun = new URL('../../../src/dev/bun.sh', import.meta.url).pathname
    const result = spawnSync('sh', [bun, file], { encoding: 'utf8' })
    expect(result.stdout.split('\n').slice(0, 2)).toEqual([expect.stringMatching(/^\d+ new$/), '/tmp'])
    expect(result.status).toBe(5)
    expect(result.stdout).toContain(`${result.pid} new`)
  })
})

describe('connect', () => {
  it('connects, and rejects with the system error', async () => {
    const path = join(dir, 'socket')
    const server = net.createServer((socket) => socket.end('hello')).listen(path)
    await new Promise((resolve) => server.once('listening', resolve))
    const pieces: string[] = []
    await new Promise<void>((resolve, reject) => {
      const events = { onData: (piece: Uint8Array) => void pieces.push(Buffer.from(piece).toString()), onEnd: () => resolve() }
      host.connect(path, events).catch(reject)
    })
    expect(pieces.join('')).toBe('hello')
    server.close()
    await expect(host.connect(join(dir, 'none'), { onData: () => undefined, onEnd: () => undefined })).rejects.toMatchObject({ code: 'ENOENT' })
  })
})

describe('lock', () => {
  it('excludes, waits, and says who holds it', async () => {
    const path = join(dir, '.locks', 'c1')
    const first = await host.lock(path, { timeoutMs: 0, purpose: 'snapshot' })
    const refused = host.lock(path, { timeoutMs: 60, purpose: 'destroy' })
    await expect(refused).rejects.toBeInstanceOf(LockedError)
    await expect(refused).rejects.toMatchObject({
      code: 'BUSY', path, holder: { pid: process.pid, purpose: 'snapshot' }, message: expect.stringContaining(`process ${process.pid} holds it (snapshot)`),
    })
    const waiting = host.lock(path, { timeoutMs: 5000, purpose: 'destroy' })
    await sleep(30)
    await first.release()
    const second = await waiting
    await second.release()
    expect(fs.readdirSync(join(dir, '.locks'))).toEqual([])
  })

  it('takes over at once from a killed holder, also when its pid lives again', async () => {
    const path = join(dir, '.locks', 'c1')
    await killedHolder(path)
    const start = performance.now()
    const lock = await host.lock(path, { timeoutMs: 0, purpose: 'start' })
    expect(performance.now() - start).toBeLessThan(1000)
    await lock.release()
    fs.mkdirSync(path)
    fs.writeFileSync(join(path, `${process.pid}-1`), 'x')
    await (await host.lock(path, { timeoutMs: 0, purpose: 'start' })).release()
    expect(fs.readdirSync(join(dir, '.locks'))).toEqual([])
  })

  it('lets one of many waiters take over', async () => {
    const path = join(dir, '.locks', 'c1')
    await killedHolder(path)
    let inside = 0
    const worker = async (): Promise<void> => {
      const lock = await host.lock(path, { timeoutMs: 10_000, purpose: 'start' })
      expect(++inside).toBe(1)
      await sleep(5)
      inside--
      await lock.release()
    }
    await Promise.all(Array.from({ length: 8 }, worker))
    expect(fs.readdirSync(join(dir, '.locks'))).toEqual([])
  })

  it('is at no moment there without its holder, who would be taken for dead', async () => {
    const path = join(dir, '.locks', 'c1')
    fs.mkdirSync(join(dir, '.locks'))
    // Looks as fast as it can from outside; a listing that was empty because the directory just went is no finding.
    const observer = spawn(process.execPath, ['-e', OBSERVE, path], { stdio: ['ignore', 'pipe', 'inherit'] })
    let text = ''
    observer.stdout.setEncoding('utf8').on('data', (part: string) => (text += part))
    while (text === '') await sleep(5)
    const worker = async (): Promise<void> => {
      for (let i = 0; i < 100; i++) await (await host.lock(path, { timeoutMs: 20_000, purpose: 'start' })).release()
    }
    await Promise.all([worker(), worker(), worker()])
    observer.kill('SIGTERM')
    await new Promise((resolve) => observer.once('close', resolve))
    const [, seen, nameless] = /(\d+) seen, (\d+) nameless/.exec(text) ?? []
    expect(Number(seen)).toBeGreaterThan(0)
    expect(nameless).toBe('0')
  })

  it('excludes other processes, and outlives none', async () => {
    const path = join(dir, '.locks', 'c1')
    const counter = join(dir, 'counter')
    fs.writeFileSync(counter, '0')
    const increment = `
      import { lockPath } from ${JSON.stringify(join(import.meta.dirname, '../../../src/host/lock.ts'))}
      import * as fs from 'node:fs'
      for (let i = 0; i < 30; i++) {
        const lock = await lockPath(${JSON.stringify(path)}, { timeoutMs: 60000, purpose: 'count' })
        const n = Number(fs.readFileSync(${JSON.stringify(counter)}, 'utf8'))
        await new Promise((resolve) => setTimeout(resolve, 1))
        fs.writeFileSync(${JSON.stringify(counter)}, String(n + 1))
        await lock.release()
      }
      // Killed with the lock: the others go on.
      await lockPath(${JSON.stringify(path)}, { timeoutMs: 60000, purpose: 'die' })
      process.kill(process.pid, 'SIGKILL')`
    const bun = join(import.meta.dirname, '../../../src/dev/bun.sh')
    fs.writeFileSync(join(dir, 'increment.ts'), increment)
    const ends = await Promise.all(Array.from({ length: 4 }, () => new Promise((resolve) => spawn('sh', [bun, join(dir, 'increment.ts')], { stdio: 'inherit' }).once('close', (_, signal) => resolve(signal)))))
    expect(ends).toEqual(['SIGKILL', 'SIGKILL', 'SIGKILL', 'SIGKILL'])
    expect(fs.readFileSync(counter, 'utf8')).toBe('120')
    await (await host.lock(path, { timeoutMs: 0, purpose: 'start' })).release()
  }, 60_000)
})

const OBSERVE = `
const fs = require('node:fs')
const path = process.argv[1]
let seen = 0, nameless = 0
const list = () => { try { return fs.readdirSync(path) } catch { return null } }
const inode = () => { try { return fs.statSync(path, { bigint: true }).ino } catch { return null } }
process.on('SIGTERM', () => { console.log(seen + ' seen, ' + nameless + ' nameless'); process.exit() })
console.log('ready')
const look = () => {
  for (let i = 0; i < 1000; i++) {
    const before = inode(), names = list(), after = inode()
    if (names === null || before === null || before !== after) continue
    seen++
    if (names.length === 0) nameless++
  }
  setImmediate(look)
}
look()
`

async function killedHolder(path: string): Promise<void> {
  fs.mkdirSync(path, { recursive: true })
  const child = spawn('sleep', ['30'])
  const start = parseStatStart(fs.readFileSync(`/proc/${child.pid}/stat`, 'utf8'))
  fs.writeFileSync(join(path, `${child.pid}-${start}`), 'copy')
  child.kill('SIGKILL')
  await new Promise((resolve) => child.once('close', resolve))
}

describe('writeFileAtomic', () => {
  it('replaces content and mode, and leaves nothing beside', () => {
    const path = join(dir, 'config')
    fs.writeFileSync(path, 'old', { mode: 0o644 })
    host.writeFileAtomic(path, 'new', 0o600)
    expect(fs.readFileSync(path, 'utf8')).toBe('new')
    expect(fs.statSync(path).mode & 0o777).toBe(0o600)
    expect(fs.readdirSync(dir)).toEqual(['config'])
  })

  it('leaves nothing when it fails', () => {
    const path = join(dir, 'taken')
    fs.mkdirSync(join(path, 'sub'), { recursive: true })
    expect(() => host.writeFileAtomic(path, 'x', 0o600)).toThrow()
    expect(fs.readdirSync(dir)).toEqual(['taken'])
  })
})

describe('facts', () => {
  it('knows this machine', () => {
    const facts = host.facts()
    expect(host.facts()).toBe(facts)
    expect(facts.kernel[0]).toBeGreaterThanOrEqual(5)
    expect(facts.lastCapability).toBeGreaterThan(30)
    expect(Object.keys(facts.interfaces)).toContain('lo')
    expect(facts.interfaces['lo']).toMatchObject({ bridge: false })
    for (const hierarchy of facts.cgroups) expect(hierarchy.base).toMatch(/^\//)
  })
})
