/** Storage "btrfs", on a real btrfs: subvolumes, snapshots that freeze nothing, and what becomes of them. */
import { execFileSync, spawn } from 'node:child_process'
import { chmodSync, existsSync, mkdirSync, readdirSync, readFileSync, statSync, utimesSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { binDir, eventually, freshName, leavesNothing, must, run, tlxc } from '../helpers/e2e.ts'
import { Bench, makeImage, mountImage } from '../helpers/loop-fs.ts'
import { PtyProcess } from '../helpers/pty.ts'

const bench = new Bench()
const lxcpath = join(bench.path, 'lxc')
beforeAll(() => {
  makeImage(join(bench.images, 'btrfs'), 'btrfs', 1024)
  mkdirSync(lxcpath)
  mountImage(join(bench.images, 'btrfs'), lxcpath, 'btrfs')
  chmodSync(lxcpath, 0o755)
})
afterAll(() => bench.remove())

const root = (name: string, path = ''): string => join(lxcpath, name, 'rootfs', path)
const inside = (name: string, script: string): Promise<string> => must('attach', '-P', lxcpath, '-n', name, '--', 'sh', '-c', script)
const isSubvolume = (path: string): boolean => statSync(path).ino === 256

describe('a container on a subvolume', () => {
  const name = freshName('btrfs')

  test('is made, starts, and is snapshotted while it runs, without a freeze', async () => {
    await must('create', '-P', lxcpath, '-q', '-n', name, '-t', 'busybox', '-B', 'btrfs')
    expect(isSubvolume(root(name))).toBe(true)
    expect(readFileSync(join(lxcpath, name, 'config'), 'utf8')).toContain(`lxc.rootfs.path = btrfs:${root(name)}\n`)
    await must('start', '-P', lxcpath, '-n', name, '-s', 'lxc.net=')
    await inside(name, 'echo one >/root/file; id -u')
    const { results } = JSON.parse(await must('snapshot', '-P', lxcpath, '-n', name, '--json')) as { results: [{ snapshot: object }] }
    expect(results[0].snapshot).toMatchObject({ name: 'snap0', live: true, frozen_ms: 0, copied_files: 0 })
    expect(isSubvolume(join(lxcpath, name, 'snaps/snap0/rootfs'))).toBe(true)
    await inside(name, 'echo two >/root/file')
    await must('stop', '-P', lxcpath, '-k', '-n', name)
    await leavesNothing(name)
  })

  test('is restored, and the restore undone', async () => {
    await must('snapshot', '-P', lxcpath, '-n', name, '-r', 'snap0')
    expect([readFileSync(root(name, 'root/file'), 'utf8'), isSubvolume(root(name))]).toEqual(['one\n', true])
    await must('snapshot', '-P', lxcpath, '-n', name, '--undo')
    expect(readFileSync(root(name, 'root/file'), 'utf8')).toBe('two\n')
    // What the undo put aside is a subvolume as well.
    const aside = join(lxcpath, name, '.aside')
    expect(isSubvolume(join(aside, 'rootfs'))).toBe(true)
    await must('start', '-P', lxcpath, '-n', name, '-s', 'lxc.net=')
    await must('snapshot', '-P', lxcpath, '-n', name, '--prune', '--keep-undo', '0')
    await must('stop', '-P', lxcpath, '-k', '-n', name)
    expect([existsSync(aside), existsSync(`${aside}.old`), readFileSync(root(name, 'root/file'), 'utf8')]).toEqual([false, false, 'two\n'])
    await must('snapshot', '-P', lxcpath, '-n', name, '-r', 'snap0', '-N', `${name}-n`)
    expect(readFileSync(root(`${name}-n`, 'root/file'), 'utf8')).toBe('one\n')
  })

  test('is compared with its snapshots, which have its inode numbers', async () => {
    const path = root(name, 'root/file')
    const { atime, mtime } = statSync(path)
    writeFileSync(path, 'TWO\n')
    utimesSync(path, atime, mtime)
    await must('snapshot', '-P', lxcpath, '-n', name, '--name', 'cmp')
    expect(await must('snapshot', '-P', lxcpath, '-n', name, '--diff', 'cmp')).toBe('')
    writeFileSync(path, 'two\n')
    utimesSync(path, atime, statSync(join(lxcpath, name, 'snaps/cmp/rootfs/root/file')).mtime)
    mkdirSync(root(name, 'srv/new'), { recursive: true })
    expect(await must('snapshot', '-P', lxcpath, '-n', name, '--diff', 'cmp')).toMatch(/^M \/root\/file\n(A \/srv\n)?A \/srv\/new\n$/)
    expect(await must('snapshot', '-P', lxcpath, '-n', name, '--diff', 'cmp', 'snap0')).toContain('M /root/file\n')
    await must('snapshot', '-P', lxcpath, '-n', name, '-d', 'cmp')
  })

  test('is cloned, renamed, and copied to layers and back', async () => {
    await must('copy', '-P', lxcpath, '-n', name, '-N', `${name}-c`, '-s')
    expect(isSubvolume(root(`${name}-c`))).toBe(true)
    writeFileSync(root(`${name}-c`, 'root/file'), 'clone\n')
    expect(readFileSync(root(name, 'root/file'), 'utf8')).toBe('two\n')
    await must('copy', '-P', lxcpath, '-n', `${name}-c`, '-R', '-N', `${name}-r`)
    await must('copy', '-P', lxcpath, '-n', `${name}-r`, '-N', `${name}-l`, '-B', 'overlay')
    expect([existsSync(join(lxcpath, `${name}-l`, 'storage.json')), readFileSync(root(`${name}-l`, 'root/file'), 'utf8')]).toEqual([true, 'clone\n'])
    await must('copy', '-P', lxcpath, '-n', `${name}-l`, '-N', `${name}-b`, '-B', 'btrfs')
    expect([isSubvolume(root(`${name}-b`)), readFileSync(root(`${name}-b`, 'root/file'), 'utf8')]).toEqual([true, 'clone\n'])
  })

  test('is destroyed, brought back, and gone in the end, subvolumes inside it as well', async () => {
    await must('start', '-P', lxcpath, '-n', name, '-s', 'lxc.net=')
    await must('stop', '-P', lxcpath, '-k', '-n', name)
    await must('destroy', '-P', lxcpath, '-s', name)
    await must('destroy', '-P', lxcpath, '--undo', name)
    expect(readFileSync(root(name, 'root/file'), 'utf8')).toBe('two\n')
    for (const one of [name, `${name}-n`, `${name}-r`, `${name}-l`, `${name}-b`]) await must('destroy', '-P', lxcpath, '-s', one)
    await must('destroy', '-P', lxcpath, '--empty-trash')
    expect(existsSync(join(lxcpath, '.trash'))).toBe(false)
  })
})

/** States that a container passes through while fn runs, as tlxc-monitor tells them. */
async function statesDuring(name: string, fn: () => Promise<void>): Promise<string[]> {
  const monitor = spawn(join(binDir, 'tlxc-monitor'), ['-P', lxcpath, '-n', name], { stdio: ['ignore', 'pipe', 'inherit'] })
  let text = ''
  monitor.stdout.setEncoding('utf8').on('data', (part: string) => (text += part))
  const states = (): string[] => [...text.matchAll(/changed state to \[(\w+)\]/g)].map(([, state = '']) => state)
  try {
    // It listens as soon as it tells a freeze of ours; what comes after the last one is fn's.
    const mark = (count: number): Promise<unknown> => eventually('the monitor listens', async () => {
      await must('freeze', '-P', lxcpath, '-n', name)
      await must('unfreeze', '-P', lxcpath, '-n', name)
      return states().filter((state) => state === 'THAWED').length > count
    })
    await mark(0)
    // After a thaw it says RUNNING, too.
    await eventually('all is told', () => Promise.resolve(states().at(-1) === 'RUNNING'))
    const begin = states().length
    await fn()
    const thawed = states().filter((state) => state === 'THAWED').length
    await must('freeze', '-P', lxcpath, '-n', name)
    await must('unfreeze', '-P', lxcpath, '-n', name)
    await eventually('what came before is told', () => Promise.resolve(states().filter((state) => state === 'THAWED').length > thawed))
    const seen = states().slice(begin)
    // The last freeze is the mark's.
    return seen.slice(0, seen.lastIndexOf('FREEZING'))
  } finally {
    monitor.kill()
  }
}

describe('a running one is never frozen', () => {
  test.each(['btrfs', 'overlay'])('-B %s', async (storage) => {
    const name = freshName(storage)
    await must('create', '-P', lxcpath, '-q', '-n', name, '-t', 'busybox', '-B', storage)
    await must('start', '-P', lxcpath, '-n', name, '-s', 'lxc.net=')
    let printed = ''
    const states = await statesDuring(name, async () => {
      const onTerminal = new PtyProcess('01', join(binDir, 'tlxc-snapshot'), ['-P', lxcpath, '-n', name])
      expect((await onTerminal.ended).code).toBe(0)
      printed = onTerminal.text
    })
    if (storage === 'btrfs') {
      expect(states).toEqual([])
      expect(printed).toMatch(new RegExp(`^${name}: snap0, frozen for 0\\.0 ms, \\d+\\.\\d ms of writing out what was dirty\r?\n`, 'm'))
    } else {
      // The same eyes see the freeze of layers, which is short.
      expect(states).toContain('FROZEN')
      expect(printed).toMatch(/frozen for (?!0\.0 )\d+\.\d ms, \d+ files copied, \d+\.\d ms of writing out/)
    }
    await must('destroy', '-P', lxcpath, '-f', '-s', '--purge', name)
  })
})

describe('subvolumes in the container', () => {
  const name = freshName('nested')
  /** What is below srv: "PATH text" of a file, "PATH =" of a subvolume, "PATH/" of a directory. */
  const tree = (base: string, path = '/srv'): string[] =>
    readdirSync(base + path, { withFileTypes: true })
      .flatMap((entry) => {
        const at = `${path}/${entry.name}`
        if (entry.isFile()) return [`${at} ${readFileSync(base + at, 'utf8').trim()}`]
        return entry.isDirectory() ? [`${at}${isSubvolume(base + at) ? ' =' : '/'}`, ...tree(base, at)] : [`${at} ?`]
      })
      .sort()
  const subvolume = (...path: string[]): void => void execFileSync('btrfs', ['subvolume', 'create', root(name, join(...path))], { stdio: 'ignore' })
  const readonly = (path: string): string => execFileSync('btrfs', ['property', 'get', '-ts', path, 'ro'], { encoding: 'utf8' }).trim()
  const FULL = ['/srv/a =', '/srv/a/plain/', '/srv/a/plain/b =', '/srv/a/plain/b/file b', '/srv/odd\nname =', '/srv/odd\nname/file odd', '/srv/ro =', '/srv/ro/file ro', '/srv/ro/in =', '/srv/ro/in/file in']

  beforeAll(async () => {
    await must('create', '-P', lxcpath, '-q', '-n', name, '-t', 'busybox', '-B', 'btrfs')
    mkdirSync(root(name, 'srv'), { recursive: true })
    for (const path of ['srv/a', 'srv/odd\nname', 'srv/ro', 'srv/ro/in']) subvolume(path)
    mkdirSync(root(name, 'srv/a/plain'))
    subvolume('srv/a/plain/b')
    writeFileSync(root(name, 'srv/a/plain/b/file'), 'b\n')
    writeFileSync(root(name, 'srv/odd\nname/file'), 'odd\n')
    writeFileSync(root(name, 'srv/ro/file'), 'ro\n')
    writeFileSync(root(name, 'srv/ro/in/file'), 'in\n')
    execFileSync('btrfs', ['property', 'set', '-ts', root(name, 'srv/ro'), 'ro', 'true'])
    expect(tree(root(name))).toEqual(FULL)
  })

  test('are in a snapshot, a restore, a clone and a copy, each at its place', async () => {
    await must('snapshot', '-P', lxcpath, '-n', name)
    const snapshot = join(lxcpath, name, 'snaps/snap0/rootfs')
    expect(tree(snapshot)).toEqual(FULL)
    expect([readonly(join(snapshot, 'srv/ro')), readonly(join(snapshot, 'srv/ro/in')), readonly(join(snapshot, 'srv/a'))]).toEqual(['ro=true', 'ro=false', 'ro=false'])

    writeFileSync(root(name, 'srv/a/plain/b/file'), 'changed\n')
    execFileSync('btrfs', ['subvolume', 'delete', root(name, 'srv/odd\nname')], { stdio: 'ignore' })
    await must('snapshot', '-P', lxcpath, '-n', name, '-r', 'snap0')
    expect(tree(root(name))).toEqual(FULL)
    await must('snapshot', '-P', lxcpath, '-n', name, '--undo')
    expect(tree(root(name))).toEqual(FULL.filter((line) => !line.includes('odd')).map((line) => line.replace('file b', 'file changed')))
    await must('snapshot', '-P', lxcpath, '-n', name, '--undo')

    for (const [copy, options] of [['c', ['-s']], ['f', []], ['n', null]] as const) {
      if (options === null) await must('snapshot', '-P', lxcpath, '-n', name, '-r', 'snap0', '-N', `${name}-${copy}`)
      else await must('copy', '-P', lxcpath, '-n', name, '-N', `${name}-${copy}`, ...options)
      expect(tree(root(`${name}-${copy}`))).toEqual(FULL)
    }
    // Plain directories there, with what was in them.
    for (const storage of ['overlay', 'dir']) {
      await must('copy', '-P', lxcpath, '-n', name, '-N', `${name}-${storage}`, '-B', storage)
      expect(tree(root(`${name}-${storage}`)).filter((line) => !line.endsWith('/'))).toEqual(FULL.filter((line) => / \w/.test(line)))
    }
  })

  test('are in an archive, as directories', async () => {
    const file = join(bench.path, 'nested.tlxc')
    await must('export', '-P', lxcpath, name, file)
    await must('import', '-P', lxcpath, file, `${name}-i`)
    expect(tree(root(`${name}-i`)).filter((line) => !line.endsWith('/'))).toEqual(FULL.filter((line) => / \w/.test(line)))
    await must('destroy', '-P', lxcpath, '--purge', `${name}-i`)
  })

  test('of a copy that was killed are swept away, read-only ones and immutable files as well', async () => {
    const left = join(lxcpath, name, 'snaps/.snap9')
    mkdirSync(left, { recursive: true })
    execFileSync('btrfs', ['subvolume', 'snapshot', root(name), join(left, 'rootfs')], { stdio: 'ignore' })
    execFileSync('btrfs', ['subvolume', 'snapshot', '-r', root(name, 'srv/a'), join(left, 'rootfs/srv/readonly')], { stdio: 'ignore' })
    writeFileSync(join(left, 'rootfs/immutable'), '')
    execFileSync('chattr', ['+i', join(left, 'rootfs/immutable')])
    await must('checkconfig', '-P', lxcpath, '--storage', '--json')
    expect(existsSync(left)).toBe(false)
  })

  test('are in a snapshot of the running container, which makes, moves and deletes some meanwhile', async () => {
    await must('start', '-P', lxcpath, '-n', name, '-s', 'lxc.net=')
    let turns = 0
    let stop = false
    // As the container's root would, from where there is a btrfs(8).
    const busy = (async () => {
      for (; !stop; turns++) {
        for (const args of [['subvolume', 'create', root(name, 'srv/new')], ['subvolume', 'delete', root(name, 'srv/new')]]) await run('btrfs', args)
        for (const [from, to] of [['srv/a', 'srv/moved'], ['srv/moved', 'srv/a']] as const) await run('mv', [root(name, from), root(name, to)])
      }
    })()
    for (let i = 0; i < 5; i++) {
      await must('snapshot', '-P', lxcpath, '-n', name, '--name', `live${i}`)
      const seen = tree(join(lxcpath, name, `snaps/live${i}/rootfs`)).filter((line) => !line.startsWith('/srv/new')).map((line) => line.replace('/srv/moved', '/srv/a'))
      expect(seen).toEqual(FULL)
    }
    stop = true
    await busy
    expect(turns).toBeGreaterThan(0)
    await must('stop', '-P', lxcpath, '-k', '-n', name)
  })

  test('a link in place of a directory on the way leads nowhere', async () => {
    // The kernel says where a subvolume is; that is opened without following anything.
    execFileSync('mv', [root(name, 'srv/a/plain'), root(name, 'srv/a/real')])
    execFileSync('ln', ['-s', 'real', root(name, 'srv/a/plain')])
    await must('snapshot', '-P', lxcpath, '-n', name, '--name', 'linked')
    expect(readFileSync(join(lxcpath, name, 'snaps/linked/rootfs/srv/a/real/b/file'), 'utf8')).toBe('b\n')
  })

  test('go with what they are in', async () => {
    await must('snapshot', '-P', lxcpath, '-n', name, '-d', 'ALL')
    expect(readdirSync(join(lxcpath, name, 'snaps'))).toEqual([])
    for (const one of [name, ...['c', 'f', 'n', 'overlay', 'dir'].map((suffix) => `${name}-${suffix}`)]) await must('destroy', '-P', lxcpath, '-s', '--purge', one)
    expect(execFileSync('btrfs', ['subvolume', 'list', lxcpath], { encoding: 'utf8' }).split('\n').filter((line) => line.includes(name))).toEqual([])
  })
})

test('subvolumes of a running one are of one moment when it is frozen by hand, and of several otherwise', async () => {
  const name = freshName('moment')
  await must('create', '-P', lxcpath, '-q', '-n', name, '-t', 'busybox', '-B', 'btrfs')
  for (const path of ['srv/a', 'srv/b']) {
    mkdirSync(root(name, 'srv'), { recursive: true })
    execFileSync('btrfs', ['subvolume', 'create', root(name, path)], { stdio: 'ignore' })
    writeFileSync(root(name, `${path}/n`), '0\n')
  }
  await must('start', '-P', lxcpath, '-n', name, '-s', 'lxc.net=')
  // One counts after the other: at any moment they are equal, or the first is one ahead.
  await inside(name, 'cd /srv; (i=0; while :; do i=$((i+1)); for d in a b; do echo $i >$d/new; mv $d/new $d/n; done; done) </dev/null >/dev/null 2>&1 &')
  await eventually('it counts', () => Promise.resolve(Number(readFileSync(root(name, 'srv/b/n'), 'utf8')) > 0))
  const ahead = async (snap: string): Promise<number> => {
    await must('snapshot', '-P', lxcpath, '-n', name, '--name', snap)
    const [a = NaN, b = NaN] = ['a', 'b'].map((one) => Number(readFileSync(join(lxcpath, name, 'snaps', snap, 'rootfs/srv', one, 'n'), 'utf8')))
    return a - b
  }
  const running: number[] = []
  const frozen: number[] = []
  for (let i = 0; i < 5; i++) {
    running.push(await ahead(`running${i}`))
    await must('freeze', '-P', lxcpath, '-n', name)
    frozen.push(await ahead(`frozen${i}`))
    expect(await must('info', '-P', lxcpath, '-n', name, '-sH')).toBe('FROZEN\n')
    await must('unfreeze', '-P', lxcpath, '-n', name)
  }
  expect(frozen.filter((one) => one !== 0 && one !== 1)).toEqual([])
  // So there is something to see, and the man page speaks of it.
  expect(running.some((one) => one < 0)).toBe(true)
  await must('destroy', '-P', lxcpath, '-f', '-s', '--purge', name)
})

test('a running one is copied where a subvolume is snapshotted, and nowhere else', async () => {
  const name = freshName('torn')
  await must('create', '-P', lxcpath, '-q', '-n', name, '-t', 'busybox', '-B', 'btrfs')
  await must('start', '-P', lxcpath, '-n', name, '-s', 'lxc.net=')
  for (const options of [['-B', 'dir'], ['-B', 'overlay'], ['-B', 'btrfs', '-p', join(bench.path, 'elsewhere')]]) {
    const { code, stderr } = await tlxc('copy', '-P', lxcpath, '-n', name, '-N', `${name}-c`, '-a', ...options)
    expect([code, stderr]).toEqual([1, expect.stringContaining('its files would be copied while they change')])
  }
  await must('copy', '-P', lxcpath, '-n', name, '-N', `${name}-c`, '-a')
  expect(isSubvolume(root(`${name}-c`))).toBe(true)
  for (const one of [name, `${name}-c`]) await must('destroy', '-P', lxcpath, '-f', '--purge', one)
})

test('what holds more than a container is not removed with it', async () => {
  const name = freshName('above')
  await must('create', '-P', lxcpath, '-q', '-n', name, '-t', 'busybox', '-B', 'btrfs')
  const file = join(lxcpath, name, 'config')
  const config = readFileSync(file, 'utf8')
  writeFileSync(file, config.replace(/^lxc\.rootfs\.path.*$/m, `lxc.rootfs.path = btrfs:${lxcpath}`))
  expect((await tlxc('destroy', '-P', lxcpath, '-n', name)).stderr).toContain('it holds more than the container')
  writeFileSync(file, config)
  await must('destroy', '-P', lxcpath, '--purge', '-n', name)
})

test('best is btrfs here; and elsewhere btrfs is refused with the mend', async () => {
  const name = freshName('btrfs')
  await must('create', '-P', lxcpath, '-q', '-n', name, '-t', 'busybox', '-B', 'best')
  expect(isSubvolume(root(name))).toBe(true)
  await must('destroy', '-P', lxcpath, '--purge', name)
  const refused = await tlxc('create', '-n', name, '-t', 'busybox', '-B', 'btrfs')
  expect([refused.code, refused.stderr]).toEqual([1, expect.stringMatching(/its filesystem is no btrfs\n.*hint: use -B overlay/)])
})
