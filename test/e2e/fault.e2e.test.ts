/** The tool that the crash tests stand on: does `fault` see every call, and strike exactly where it is told to? */
import { execFileSync } from 'node:child_process'
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeEach, describe, expect, test } from 'vitest'
import { eventually, repoRoot, run, type Result } from '../helpers/e2e.ts'
import { Bench, cloneImage, makeImage, mountImage, unmountAll } from '../helpers/loop-fs.ts'

const FAULT = join(repoRoot, 'build/native/fault')
const base = mkdtempSync(join(tmpdir(), 'tlxc-fault-'))
const dir = join(base, 'below')
const list = join(base, 'list')

interface Line {
  n: number
  call?: string
  paths?: string[]
  root?: boolean
  result?: number
}

function fault(options: readonly string[], script: string): Promise<Result> {
  return run(FAULT, ['--below', dir, '--list', list, ...options, '--', 'sh', '-c', `cd ${dir}; ${script}`])
}

/** "mkdir a" for each numbered call. The list itself lies on the same file system, beside DIR. */
function listed(): string[] {
  return lines().filter((line) => line.call !== undefined).map(({ call, paths = [] }) => [call, ...paths.map((path) => path.replace(`${dir}/`, ''))].join(' '))
}

function lines(): Line[] {
  return readFileSync(list, 'utf8').trimEnd().split('\n').filter((line) => line !== '').map((line) => JSON.parse(line) as Line)
}

beforeEach(() => {
  rmSync(dir, { recursive: true, force: true })
  mkdirSync(dir)
})
afterAll(() => rmSync(base, { recursive: true, force: true }))

const SCRIPT = 'mkdir a; echo x >a/b; mv a/b a/c; ln a/c d; rm d'
const CALLS = ['mkdir a', 'openat a/b', 'write a/b', 'renameat2 a/b a/c', 'linkat a/c d', 'unlinkat d']

describe('what is numbered', () => {
  test('every call that changes something, in order, with what it returned', async () => {
    expect((await fault([], SCRIPT)).code).toBe(0)
    expect(listed()).toEqual(CALLS)
    expect(lines().filter(({ result }) => result !== undefined).map(({ result }) => result)).toEqual([0, 3, 2, 0, 0, 0])
  })

  test('calls of every thread of a process with several, by descriptors, too', async () => {
    writeFileSync(join(base, 'threads.mjs'), `
      import fs from 'node:fs'
      import { writeFile, mkdir } from 'node:fs/promises'
      import { Worker, isMainThread } from 'node:worker_threads'
      if (isMainThread) {
        await Promise.all([0, 1, 2, 3].map((i) => writeFile('pool' + i, 'x')))
        await new Promise((done) => new Worker(new URL(import.meta.url)).on('exit', done))
        const fd = fs.openSync('main', 'w'); fs.writeSync(fd, 'y'); fs.fchmodSync(fd, 0o600); fs.fsyncSync(fd); fs.closeSync(fd)
      } else fs.mkdirSync('worker')`)
    expect((await fault([], `exec ${process.execPath} ${base}/threads.mjs`)).code).toBe(0)
    const calls = listed()
    for (const i of [0, 1, 2, 3]) expect(calls).toEqual(expect.arrayContaining([expect.stringMatching(`^open.* pool${i}$`), `write pool${i}`]))
    expect(calls.some((call) => /^mkdir(at)? worker$/.test(call))).toBe(true)
    expect(calls.slice(-4)).toEqual([expect.stringMatching(/^open.* main$/), 'write main', 'fchmod main', 'fsync main'])
  })

  test('nothing elsewhere, and nothing that only reads', async () => {
    mkdirSync(join(base, 'tmpfs'))
    execFileSync('mount', ['-t', 'tmpfs', 'none', join(base, 'tmpfs')])
    try {
      await fault([], `echo x >${base}/tmpfs/other; cat ${base}/tmpfs/other; ls -l; echo y >z`)
      expect(listed()).toEqual(['openat z', 'write z'])
    } finally {
      execFileSync('umount', [join(base, 'tmpfs')])
    }
  })

  test('mounts, wherever they are', async () => {
    await fault([], 'mkdir m; mount -t tmpfs none m; umount m')
    expect(listed()[0]).toBe('mkdir m')
    expect(listed().some((call) => /^(mount|move_mount) .*m$/.test(call))).toBe(true)
    expect(listed().at(-1)).toBe('umount2 m')
  })

  test('with a key, only that call on such a path', async () => {
    await fault(['--key', 'rename*:*/a/c'], SCRIPT)
    expect(listed()).toEqual(['renameat2 a/b a/c'])
  })
})

describe('striking', () => {
  const states = [[], ['a'], ['a', 'a/b'], ['a', 'a/b'], ['a', 'a/c'], ['a', 'a/c', 'd'], ['a', 'a/c']]

  test('kills the whole tree before each call, and the walk ends', async () => {
    for (let n = 1; n <= CALLS.length; n++) {
      rmSync(dir, { recursive: true })
      mkdirSync(dir)
      expect((await fault(['--kill', String(n)], SCRIPT)).code, `call ${n}`).toBe(137)
      expect(readdirSync(dir, { recursive: true }).sort(), `call ${n}`).toEqual(states[n - 1])
    }
    rmSync(dir, { recursive: true })
    mkdirSync(dir)
    expect((await fault(['--kill', String(CALLS.length + 1)], SCRIPT)).code).toBe(0)
  })

  test('kills right after a call', async () => {
    expect((await fault(['--kill-after', '4'], SCRIPT)).code).toBe(137)
    expect(readdirSync(dir, { recursive: true }).sort()).toEqual(states[4])
  })

  test('kills only the command: its children go on', async () => {
    expect((await fault(['--kill-root', '1'], SCRIPT)).code).toBe(137)
    expect(readdirSync(dir, { recursive: true }).sort()).toEqual(['a'])
  })

  test('lets one call fail without doing it', async () => {
    const { code, stderr } = await fault(['--fail', '4:EIO'], `set -e; ${SCRIPT}`)
    expect(code).toBe(1)
    expect(stderr).toContain('Input/output error')
    expect(readdirSync(dir, { recursive: true }).sort()).toEqual(['a', 'a/b'])
  })

  test('a full disk stays full, and still lets files be removed', async () => {
    writeFileSync(join(dir, 'old'), '')
    const { stderr } = await fault(['--fail-from', '2:ENOSPC'], 'mkdir a; mkdir b; rm old; mkdir c; chmod 700 a')
    expect(stderr.match(/No space left on device/g)).toHaveLength(2)
    expect(readdirSync(dir)).toEqual(['a'])
    expect(statSync(join(dir, 'a')).mode & 0o777).toBe(0o700)
  })

  test('runs a program while everything stands still', async () => {
    writeFileSync(join(base, 'look'), `#!/bin/sh\nls ${dir} >${base}/seen.$1.$2\n`, { mode: 0o700 })
    await fault(['--at', '0', join(base, 'look')], 'mkdir a; mkdir b')
    expect(readFileSync(join(base, 'seen.1.mkdir'), 'utf8')).toBe('')
    expect(readFileSync(join(base, 'seen.2.mkdir'), 'utf8')).toBe('a\n')
  })
})

describe('what it leaves alone', () => {
  test('exit codes, signals and stops of the command', async () => {
    expect((await fault([], 'exit 7')).code).toBe(7)
    expect((await fault([], 'kill -USR1 $$')).code).toBe(128 + 10)
    expect((await fault([], '(sleep 0.2; kill -CONT $$) & kill -STOP $$; echo went on')).stdout).toBe('went on\n')
  })

  test('an excepted daemon lives on, and can write', async () => {
    writeFileSync(join(base, 'keeper'), '#!/bin/sh\necho x >began\nwhile [ ! -e stop ]; do sleep 0.05; done\necho x >ended\n', { mode: 0o700 })
    const script = `setsid ${base}/keeper </dev/null >/dev/null 2>&1 & while [ ! -e began ]; do sleep 0.02; done; mkdir a; mkdir b`
    expect((await fault(['--except-comm', 'keeper', '--kill', '2'], script)).code).toBe(137)
    expect(listed()).toEqual(['mkdir a', 'mkdir b'])
    expect(existsSync(join(dir, 'b'))).toBe(false)
    writeFileSync(join(dir, 'stop'), '')
    await eventually('the daemon ends', () => Promise.resolve(existsSync(join(dir, 'ended'))))
  })
})

describe('power cuts', () => {
  const bench = new Bench()
  const image = join(bench.images, 'disk')
  const disk = join(bench.path, 'disk')
  afterAll(() => bench.remove())
  mkdirSync(disk)
  makeImage(join(bench.images, 'empty'), 'ext4', 24)

  /** What is there after a cut before each call; null: as after the cut before. */
  async function cuts(options: readonly string[], script: string): Promise<(string | null)[]> {
    cloneImage(join(bench.images, 'empty'), image)
    mountImage(image, disk, 'ext4')
    const clones = join(bench.images, 'clones')
    rmSync(clones, { recursive: true, force: true })
    mkdirSync(clones)
    await run(FAULT, ['--below', disk, '--list', list, '--clone', `${image}:${clones}`, ...options, '--', 'sh', '-c', `cd ${disk}; ${script}`])
    unmountAll(disk)
    const count = lines().filter((line) => line.call !== undefined).length
    return Array.from({ length: count }, (_, i) => {
      const clone = join(clones, String(i + 1))
      if (!existsSync(clone)) return null
      mountImage(clone, disk, 'ext4')
      const file = ['new', 'file'].filter((name) => existsSync(join(disk, name))).map((name) => `${name}: ${readFileSync(join(disk, name), 'utf8')}`)
      unmountAll(disk)
      return file.join(' ')
    })
  }

  const unsynced = 'echo data >new; mv new file; mkdir end'
  const synced = 'echo data >new; sync new; mv new file; sync .; mkdir end'

  test('what was never synced is not there', async () => {
    expect(await cuts([], unsynced)).toEqual(['', null, null, null])
  })

  test('names may be committed before data: an unsynced file is empty then', async () => {
    const states = await cuts(['--commit', join(disk, 'commit')], unsynced)
    expect(states).toEqual(['', 'new: ', 'new: ', 'file: '])
  })

  test('what was synced is there', async () => {
    const states = await cuts(['--commit', join(disk, 'commit')], synced)
    expect(states.at(-1)).toBe('file: data\n')
  })
})
