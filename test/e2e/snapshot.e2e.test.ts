/** Snapshots, restores, clones, copies and renames of layered containers, on real mounts. Nothing here starts a container but where it says so. */
import { execFileSync, spawn } from 'node:child_process'
import { chmodSync, existsSync, lstatSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, symlinkSync, utimesSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { makePaths, runDir } from '../../src/host/paths.ts'
import { binDir, eventually, freshName, must, repoRoot, run, tlxc } from '../helpers/e2e.ts'

let scratch = ''
let lxcpath = ''
let template = ''
beforeAll(() => {
  scratch = mkdtempSync('/var/tmp/tlxc-snap-')
  chmodSync(scratch, 0o755)
  lxcpath = join(scratch, 'lxc')
  mkdirSync(lxcpath)
  template = join(scratch, 'tiny')
  writeFileSync(template, TINY, { mode: 0o755 })
})
afterAll(async () => {
  for (const name of names()) await must('destroy', '-P', lxcpath, '-f', '-s', '-n', name)
  await must('destroy', '-P', lxcpath, '--empty-trash')
  // Nothing refers to any layer any more, so none is there.
  expect(poolEntries()).toEqual([])
  expect(readFileSync('/proc/self/mountinfo', 'utf8')).not.toContain(scratch)
  rmSync(scratch, { recursive: true })
})

/** A root filesystem of a few files: these tests are about layers, not about systems. */
const TINY = `#!/bin/sh
for a; do case $a in --rootfs=*) rootfs=\${a#*=};; esac; done
mkdir -p "$rootfs/etc/sub" "$rootfs/data" && echo tiny >"$rootfs/etc/hostname" && echo 0123456789abcdef0123456789abcdef >"$rootfs/etc/machine-id"
echo base >"$rootfs/data/file" && echo a >"$rootfs/etc/sub/a" && ln "$rootfs/data/file" "$rootfs/data/link"
echo pair >"$rootfs/etc/sub/p" && ln "$rootfs/etc/sub/p" "$rootfs/etc/sub/q"
`
const names = (): string[] => readdirSync(lxcpath).filter((name) => !name.startsWith('.'))
const poolEntries = (): string[] => readdirSync(join(lxcpath, '.pool')).filter((name) => name !== 'meta')
const root = (name: string, path = ''): string => join(lxcpath, name, 'rootfs', path)
const read = (name: string, path = 'data/file'): string => readFileSync(root(name, path), 'utf8')
const write = (name: string, text: string, path = 'data/file'): void => writeFileSync(root(name, path), text)
const snap = (name: string, ...args: string[]) => tlxc('snapshot', '-P', lxcpath, '-n', name, ...args)
const mustSnap = (name: string, ...args: string[]) => must('snapshot', '-P', lxcpath, '-n', name, ...args)
const copy = (name: string, ...args: string[]) => must('copy', '-P', lxcpath, '-n', name, ...args)
async function make(...args: string[]): Promise<string> {
  const name = freshName('snap')
  await must('create', '-P', lxcpath, '-q', '-n', name, '-t', template, ...args)
  return name
}

describe('snapshots of a stopped container', () => {
  test('hold what was there, are restored, and a restore is undone', async () => {
    const name = await make()
    write(name, 'one')
    expect(await mustSnap(name)).toBe('')
    write(name, 'two')
    execFileSync('mv', [root(name, 'etc/sub'), root(name, 'etc/moved')])
    await mustSnap(name)
    write(name, 'three')
    rmSync(root(name, 'etc/moved'), { recursive: true })

    await mustSnap(name, '-r', 'snap0')
    expect([read(name), existsSync(root(name, 'etc/sub/a')), existsSync(root(name, 'etc/moved'))]).toEqual(['one', true, false])
    await mustSnap(name, '-r', 'snap1')
    expect([read(name), existsSync(root(name, 'etc/sub')), read(name, 'etc/moved/a')]).toEqual(['two', false, 'a\n'])
    await mustSnap(name, '--undo')
    expect(read(name)).toBe('one')
    await mustSnap(name, '--undo')
    expect(read(name)).toBe('two')
  })

  test('a restore brings the configuration back, too, and undo the newer one', async () => {
    const name = await make()
    const file = join(lxcpath, name, 'config')
    await mustSnap(name)
    writeFileSync(file, `${readFileSync(file, 'utf8')}lxc.group = later\n`)
    await mustSnap(name, '-r', 'snap0')
    expect(readFileSync(file, 'utf8')).not.toContain('later')
    await mustSnap(name, '--undo')
    expect(readFileSync(file, 'utf8')).toContain('lxc.group = later\n')
  })

  test('take the lowest free number, or a name; both spellings', async () => {
    const name = await make()
    for (let i = 0; i < 3; i++) await mustSnap(name)
    await mustSnap(name, '-d', 'snap1')
    await mustSnap(name, '-m', 'again')
    await mustSnap(name, '--name', 'before-upgrade')
    await must('snapshot', '-P', lxcpath, name, '--name', 'other')
    const list = await mustSnap(name, '-L', '-C')
    expect(list.replace(/\d{4}:\d\d:\d\d \d\d:\d\d:\d\d/g, 'TIME').replaceAll(join(lxcpath, name), 'C')).toBe(
      'before-upgrade (C/snaps) TIME\nother (C/snaps) TIME\nsnap0 (C/snaps) TIME\nsnap1 (C/snaps) TIME\nagain\nsnap2 (C/snaps) TIME\n')
    expect((await snap(name, '--name', 'other')).stderr).toContain('it exists')
  })

  test('say how long writing out what was dirty took', async () => {
    const name = await make()
    const syncMs = async (): Promise<number> => (JSON.parse(await mustSnap(name, '--json')) as { results: [{ snapshot: { sync_ms: number } }] }).results[0].snapshot.sync_ms
    execFileSync('sync', ['-f', lxcpath])
    const clean = await syncMs()
    writeFileSync(root(name, 'data/dirty'), Buffer.alloc(200e6, 'd'))
    expect(await syncMs()).toBeGreaterThan(clean + 10)
  })

  test('the directory of a snapshot is as with LXC', async () => {
    const name = await make()
    writeFileSync(join(scratch, 'comment'), 'why\n')
    await mustSnap(name, '-c', join(scratch, 'comment'))
    const directory = join(lxcpath, name, 'snaps/snap0')
    expect(readFileSync(join(directory, 'ts'), 'utf8')).toMatch(/^\d{4}:\d\d:\d\d \d\d:\d\d:\d\d$/)
    expect(readFileSync(join(directory, 'comment'), 'utf8')).toBe('why\n')
    expect(readFileSync(join(directory, 'config'), 'utf8')).toContain(`lxc.rootfs.path = dir:${directory}/rootfs\n`)
    expect(statSync(join(lxcpath, name, 'snaps')).mode & 0o777).toBe(0o700)
  })

  test('what changed between two of them, and since one', async () => {
    const name = await make()
    await mustSnap(name)
    write(name, 'longer than before')
    rmSync(root(name, 'etc/sub'), { recursive: true })
    mkdirSync(root(name, 'etc/sub'))
    write(name, 'b', 'etc/sub/b')
    await mustSnap(name)
    mkdirSync(root(name, 'new/deep'), { recursive: true })
    chmodSync(root(name, 'etc/hostname'), 0o600)
    expect(await mustSnap(name, '--diff', 'snap0', 'snap1')).toBe('M /data/file\nD /etc/sub/a\nA /etc/sub/b\nD /etc/sub/p\nD /etc/sub/q\n')
    expect(await mustSnap(name, '--diff', 'snap1')).toBe('M /etc/hostname\nA /new\nA /new/deep\n')
    expect(JSON.parse(await mustSnap(name, '--diff', 'snap1', '--json'))).toMatchObject({ task: 'diff', results: [{ changes: [{ change: 'M', path: '/etc/hostname' }, {}, {}] }] })
  })

  test('can be looked at without a restore, read-only, until released', async () => {
    const name = await make()
    write(name, 'then')
    await mustSnap(name)
    write(name, 'now')
    const path = (await mustSnap(name, '--browse', 'snap0')).trim()
    expect(readFileSync(join(path, 'data/file'), 'utf8')).toBe('then')
    expect(() => writeFileSync(join(path, 'data/file'), 'x')).toThrow(/EROFS/)
    await mustSnap(name, '--release', 'snap0')
    expect(existsSync(join(path, 'data'))).toBe(false)
  })

  test('a prune keeps what its rules keep, and frees the rest', async () => {
    const name = await make()
    for (let i = 0; i < 4; i++) {
      write(name, `v${i}`)
      await mustSnap(name)
    }
    expect(await mustSnap(name, '--prune', '--keep-last', '2', '--dry-run')).toMatch(/snap1 .* remove /)
    expect((await mustSnap(name, '-L')).split('\n')).toHaveLength(5)
    await mustSnap(name, '--prune', '--keep-last', '2')
    expect((await mustSnap(name, '-L')).match(/^snap\d/gm)).toEqual(['snap2', 'snap3'])
    // Layers of snap0 and snap1 lie below those of the others.
    const { lowers } = JSON.parse(readFileSync(join(lxcpath, name, 'storage.json'), 'utf8')) as { lowers: string[] }
    expect([lowers.length, lowers.filter((layer) => !poolEntries().includes(layer))]).toEqual([5, []])
    await mustSnap(name, '-r', 'snap3')
    expect(read(name)).toBe('v3')
  })

  test('a squash merges layers, and changes no file of anything', async () => {
    const name = await make()
    for (let i = 0; i < 5; i++) {
      write(name, `v${i}`)
      write(name, String(i), `data/only${i}`)
      if (i > 0) rmSync(root(name, `data/only${i - 1}`))
      await mustSnap(name)
    }
    const { results } = JSON.parse(await mustSnap(name, '--squash', '--json')) as { results: unknown[] }
    expect(results).toEqual([{ container: name, layers_before: 6, layers_after: 2 }])
    expect([read(name), readdirSync(root(name, 'data')).sort()]).toEqual(['v4', ['file', 'link', 'only4']])
    await mustSnap(name, '-r', 'snap2')
    expect([read(name), readdirSync(root(name, 'data')).sort()]).toEqual(['v2', ['file', 'link', 'only2']])
  })
})

describe('what a restore put aside', () => {
  const conf = join(process.env['TLXC_ROOT'] ?? '', 'etc/tlxc/tlxc.conf')
  const DAY = 24 * 3600_000
  /** As if the restore had been so long ago. */
  const age = (name: string, ms: number): void => {
    const [stack, record] = [join(lxcpath, name, 'storage.json'), join(lxcpath, name, '.aside/restored')]
    const at = Date.now() - ms
    if (existsSync(record)) return utimesSync(record, at / 1000, at / 1000)
    const value = JSON.parse(readFileSync(stack, 'utf8')) as { aside: { at: number } }
    value.aside.at = at
    writeFileSync(stack, JSON.stringify(value))
  }
  const prune = async (name: string, ...args: string[]): Promise<unknown> => {
    const { results } = JSON.parse(await mustSnap(name, '--prune', '--json', ...args)) as { results: [{ aside: object | null; decisions: { kept: boolean }[] }] }
    expect(results[0].decisions.map(({ kept }) => kept)).toEqual([true])
    return results[0].aside
  }
  const made = async (storage: string): Promise<string> => {
    const name = await make('-B', storage)
    write(name, 'one')
    await mustSnap(name)
    write(name, 'two')
    writeFileSync(root(name, 'data/large'), Buffer.alloc(3 * 1024 ** 2, 'x'))
    await mustSnap(name, '-r', 'snap0')
    return name
  }

  test.each(['overlay', 'dir'])('-B %s: goes with a prune when it is old, and with no other', async (storage) => {
    const name = await made(storage)
    expect(await prune(name)).toMatchObject({ restored: 'snap0', kept: true, keep_ms: 7 * DAY })
    age(name, 7 * DAY - 60_000)
    expect(await prune(name)).toMatchObject({ kept: true })
    age(name, 7 * DAY + 60_000)
    // Nothing but a prune looks at its age.
    await mustSnap(name, '-L')
    expect(await prune(name, '--dry-run')).toMatchObject({ restored: 'snap0', kept: false })
    await mustSnap(name, '--undo')
    expect(read(name)).toBe('two')
    // An undo puts aside in turn, and that is new.
    expect(await prune(name)).toMatchObject({ kept: true })
    await mustSnap(name, '--undo')
    age(name, 7 * DAY + 60_000)
    const before = poolEntries()
    expect(await mustSnap(name, '--prune', '--dry-run')).toMatch(/^\(undo\) +\S+ \S+ remove older than 1w/m)
    expect(await prune(name)).toMatchObject({ kept: false })
    expect(await prune(name)).toBeNull()
    expect(readdirSync(join(lxcpath, name)).filter((entry) => entry.startsWith('.aside'))).toEqual([])
    expect(before.filter((entry) => !poolEntries().includes(entry))).toHaveLength(storage === 'overlay' ? 1 : 0)
    expect([read(name), (await snap(name, '--undo')).stderr]).toEqual(['one', expect.stringContaining('nothing is put aside')])
    await mustSnap(name, '-r', 'snap0')
    expect(await tlxc('checkconfig', '-P', lxcpath, '--storage')).toMatchObject({ code: 0, stdout: expect.stringContaining('nothing wrong') as string })
  })

  test('how old it may get: in tlxc.conf, in the container, with the prune', async () => {
    const name = await made('overlay')
    age(name, 3 * DAY)
    const [before, config] = [readFileSync(conf, 'utf8'), join(lxcpath, name, 'config')]
    writeFileSync(conf, `${before}\n[snapshot]\nkeep.undo = 2d\n`)
    try {
      expect(await prune(name, '--dry-run')).toMatchObject({ kept: false, keep_ms: 2 * DAY })
      writeFileSync(config, `${readFileSync(config, 'utf8')}tlxc.snapshot.keep.undo = 4d\n`)
      expect(await prune(name)).toMatchObject({ kept: true, keep_ms: 4 * DAY })
      expect(await prune(name, '--keep-undo', '5d')).toMatchObject({ kept: true, keep_ms: 5 * DAY })
      expect(await prune(name, '--keep-undo', '0')).toMatchObject({ kept: false, keep_ms: 0 })
    } finally {
      writeFileSync(conf, before)
    }
  })

  test('is shown with the room that it takes, and that is none of what is there now', async () => {
    const name = await made('overlay')
    const tree = await mustSnap(name, '--tree')
    expect(tree).toMatch(/^`-\(undo\) .* 3\.0\d MiB - +replaced by snap0/m)
    expect(tree).toMatch(/^\|-\(now\) +- +\d+(\.\d+)? (bytes|KiB)/m)
    const { results } = JSON.parse(await mustSnap(name, '--tree', '--json')) as { results: [{ aside: { exclusive_bytes: number } }] }
    expect(results[0].aside).toMatchObject({ restored: 'snap0' })
    expect(results[0].aside.exclusive_bytes).toBeGreaterThan(3 * 1024 ** 2)
    expect(await mustSnap(name, '-L')).not.toContain('undo')
  })
})

describe('clones and copies', () => {
  test('a clone of a clone of a clone; each outlives the others', async () => {
    const first = await make()
    write(first, 'first')
    const chain = [first]
    for (const n of ['b', 'c', 'd']) {
      await copy(chain.at(-1) ?? '', '-N', `${first}-${n}`, '-s')
      chain.push(`${first}-${n}`)
      write(`${first}-${n}`, n)
    }
    const [, b = '', c = '', d = ''] = chain
    expect(chain.map((name) => read(name))).toEqual(['first', 'b', 'c', 'd'])
    const refused = await tlxc('destroy', '-P', lxcpath, first)
    expect([refused.code, refused.stderr]).toEqual([1, expect.stringContaining(`Destroying ${first} failed: ${first} has clones`)])
    await must('destroy', '-P', lxcpath, '-s', '--purge', first)
    await must('destroy', '-P', lxcpath, '-s', '--purge', c)
    expect([read(b), read(d), read(d, 'etc/sub/a')]).toEqual(['b', 'd', 'a\n'])
  })

  test('a copy depends on nothing and shares nothing', async () => {
    const name = await make()
    write(name, 'x')
    const made = `${name}-copy`
    await copy(name, '-N', made)
    const layers = (of: string): string[] => (JSON.parse(readFileSync(join(lxcpath, of, 'storage.json'), 'utf8')) as { lowers: string[] }).lowers
    expect(layers(made).some((layer) => layers(name).includes(layer))).toBe(false)
    expect(read(made)).toBe('x')
    // Hard links of the original are hard links of the copy.
    const [p, q] = ['p', 'q'].map((one) => statSync(root(made, `etc/sub/${one}`)))
    expect([p?.nlink, q?.nlink, p?.ino]).toEqual([2, 2, q?.ino])
    await must('destroy', '-P', lxcpath, '--purge', name)
    expect(read(made, 'etc/sub/a')).toBe('a\n')
  })

  test('a copy is a machine of its own: name, machine-id, addresses, ids', async () => {
    const name = await make()
    const made = `${name}-id`
    await copy(name, '-N', made, '-s')
    const key = (of: string, pattern: RegExp): string[] => [...readFileSync(join(lxcpath, of, 'config'), 'utf8').matchAll(pattern)].map(([, value = '']) => value)
    expect([read(made, 'etc/hostname'), read(made, 'etc/machine-id')]).toEqual([`${made}\n`, ''])
    expect(key(made, /^lxc\.uts\.name = (.*)$/gm)).toEqual([made])
    for (const pattern of [/^lxc\.net\.0\.hwaddr = (.*)$/gm, /^lxc\.idmap = (.*)$/gm]) {
      expect(key(made, pattern)).toHaveLength(key(name, pattern).length)
      expect(key(made, pattern)).not.toEqual(key(name, pattern))
    }
    await copy(name, '-N', `${made}-k`, '-s', '-K', '-M')
    expect([read(`${made}-k`, 'etc/hostname'), key(`${made}-k`, /^lxc\.net\.0\.hwaddr = (.*)$/gm)]).toEqual(['tiny\n', key(name, /^lxc\.net\.0\.hwaddr = (.*)$/gm)])
  })

  test('no file of the host is written through links that the container made', async () => {
    const name = await make()
    const victim = join(scratch, 'victim')
    writeFileSync(victim, 'host')
    rmSync(root(name, 'etc/hostname'))
    rmSync(root(name, 'etc/machine-id'))
    symlinkSync(victim, root(name, 'etc/hostname'))
    symlinkSync(victim, root(name, 'etc/machine-id'))
    await copy(name, '-N', `${name}-h`, '-s')
    expect(readFileSync(victim, 'utf8')).toBe('host')
    expect(lstatSync(root(`${name}-h`, 'etc/hostname')).isSymbolicLink()).toBe(true)
  })

  test('to other storage and back', async () => {
    const name = await make()
    write(name, 'x')
    await copy(name, '-N', `${name}-dir`, '-B', 'dir')
    expect([existsSync(join(lxcpath, `${name}-dir`, 'storage.json')), read(`${name}-dir`)]).toEqual([false, 'x'])
    await copy(`${name}-dir`, '-N', `${name}-back`, '-B', 'overlay')
    expect([existsSync(join(lxcpath, `${name}-back`, 'storage.json')), read(`${name}-back`)]).toEqual([true, 'x'])
    // Plain snapshots, as LXC's.
    await mustSnap(`${name}-dir`)
    write(`${name}-dir`, 'y')
    await mustSnap(`${name}-dir`, '-r', 'snap0')
    expect(read(`${name}-dir`)).toBe('x')
    await mustSnap(`${name}-dir`, '--undo')
    expect(read(`${name}-dir`)).toBe('y')
  })

  test('to another filesystem and back', async () => {
    const name = await make()
    write(name, 'x')
    const away = join(scratch, 'away')
    mkdirSync(away)
    execFileSync('mount', ['-t', 'tmpfs', 'none', away])
    try {
      await copy(name, '-N', 'c1', '-p', away)
      await copy(name, '-N', 'c2', '-p', away, '-B', 'dir')
      await must('copy', '-P', away, '-n', 'c1', '-N', `${name}-home`, '-p', lxcpath)
      expect([readFileSync(join(away, 'c1/rootfs/data/file'), 'utf8'), readFileSync(join(away, 'c2/rootfs/data/file'), 'utf8'), read(`${name}-home`)]).toEqual(['x', 'x', 'x'])
      for (const one of ['c1', 'c2']) await must('destroy', '-P', away, '--purge', one)
      expect(readdirSync(join(away, '.pool')).filter((entry) => entry !== 'meta')).toEqual([])
    } finally {
      execFileSync('umount', [away])
    }
  })

  test('a snapshot becomes a container, also by the path of the snapshots', async () => {
    const name = await make()
    write(name, 'then')
    await mustSnap(name)
    write(name, 'now')
    await mustSnap(name, '-r', 'snap0', '-N', `${name}-n`)
    await mustSnap(name, '-r', 'snap0', `${name}-p`)
    expect([read(`${name}-n`), read(`${name}-p`), read(name)]).toEqual(['then', 'then', 'now'])
  })

  test('a snapshot is the source of a copy by its own path, as with lxc-copy', async () => {
    const name = await make()
    write(name, 'then')
    await mustSnap(name)
    write(name, 'now')
    await must('copy', '-P', join(lxcpath, name, 'snaps'), '-n', 'snap0', '-p', lxcpath, '-N', `${name}-path`)
    expect([read(`${name}-path`), readFileSync(join(lxcpath, `${name}-path`, 'config'), 'utf8')]).toEqual(['then', expect.stringContaining(`lxc.rootfs.path = dir:${root(`${name}-path`)}\n`)])
    expect(readdirSync(join(lxcpath, name, 'snaps'))).toEqual(['snap0'])
  })

  test('a copy whose hook fails leaves nothing, and says why', async () => {
    const name = await make()
    const file = join(lxcpath, name, 'config')
    writeFileSync(file, `${readFileSync(file, 'utf8')}lxc.hook.clone = /bin/false\n`)
    for (const options of [['-s'], []]) {
      // A clone seals the upper of its original first.
      await tlxc('copy', '-P', lxcpath, '-n', name, '-N', `${name}-no`, ...options)
      const before = poolEntries()
      const { code, stderr } = await tlxc('copy', '-P', lxcpath, '-n', name, '-N', `${name}-no`, ...options)
      expect([code, stderr]).toEqual([1, expect.not.stringContaining('cannot clean up')])
      expect([poolEntries(), existsSync(join(lxcpath, `${name}-no`))]).toEqual([before, false])
    }
  })

  test('files with the ids of their range on the disk, as LXC has them, keep it', async () => {
    const name = await make('-B', 'dir')
    const file = join(lxcpath, name, 'config')
    const config = readFileSync(file, 'utf8')
    expect(config).toContain('lxc.rootfs.options = idmap=container\n')
    writeFileSync(file, config.replace('lxc.rootfs.options = idmap=container\n', ''))
    const ids = (of: string): string[] => readFileSync(join(lxcpath, of, 'config'), 'utf8').match(/^lxc\.idmap.*$/gm) ?? []
    await copy(name, '-N', `${name}-ids`)
    expect(ids(`${name}-ids`)).toEqual(ids(name))
    expect((await tlxc('copy', '-P', lxcpath, '-n', name, '-N', `${name}-l`, '-B', 'overlay')).stderr).toContain('its files belong to the ids of its range')
    expect((await tlxc('export', '-P', lxcpath, name, join(scratch, 'ids'))).stderr).toContain('its files belong to the ids of its range')
    writeFileSync(file, config)
  })

  test('a rename keeps snapshots, files and clones', async () => {
    const name = await make()
    write(name, 'x')
    await mustSnap(name)
    await copy(name, '-N', `${name}-c`, '-s')
    await copy(name, '-R', '-N', `${name}-r`)
    expect([existsSync(join(lxcpath, name)), read(`${name}-r`), read(`${name}-r`, 'etc/hostname'), read(`${name}-c`)]).toEqual([false, 'x', `${name}-r\n`, 'x'])
    expect(readFileSync(join(lxcpath, `${name}-c`, 'lxc_rdepends'), 'utf8')).toBe(`${lxcpath}\n${name}-r\n`)
    write(`${name}-r`, 'y')
    await mustSnap(`${name}-r`, '-r', 'snap0')
    expect(read(`${name}-r`)).toBe('x')
  })
})

describe('a plain directory', () => {
  test('elsewhere is not restored in place, and nothing is the worse for the attempt', async () => {
    const name = await make('--dir', join(scratch, 'elsewhere'))
    await mustSnap(name)
    const before = readFileSync(join(lxcpath, name, 'config'), 'utf8')
    const { code, stderr } = await snap(name, '-r', 'snap0')
    expect([code, stderr]).toEqual([1, expect.stringContaining(`its files are at "${scratch}/elsewhere/rootfs"`)])
    expect([existsSync(join(lxcpath, name, 'journal')), readFileSync(join(lxcpath, name, 'config'), 'utf8')]).toEqual([false, before])
    await mustSnap(name, '-r', 'snap0', '-N', `${name}-n`)
    expect(read(`${name}-n`)).toBe('base\n')
  })

  test('is compared with its snapshots, and they with each other', async () => {
    const name = await make('-B', 'dir')
    await mustSnap(name)
    expect(await mustSnap(name, '--diff', 'snap0')).toBe('')
    write(name, 'BASE\n')
    rmSync(root(name, 'etc/sub/a'))
    mkdirSync(root(name, 'etc/sub/new'))
    expect(await mustSnap(name, '--diff', 'snap0')).toBe('M /data/file\nM /data/link\nD /etc/sub/a\nA /etc/sub/new\n')
    await mustSnap(name)
    expect(await mustSnap(name, '--diff', 'snap1', 'snap0')).toBe('M /data/file\nM /data/link\nA /etc/sub/a\nD /etc/sub/new\n')
    await must('destroy', '-P', lxcpath, '-s', '--purge', name)
  })

  test('is not lost when an undo of its restore fails', async () => {
    const name = await make('-B', 'dir')
    write(name, 'one')
    await mustSnap(name)
    write(name, 'two')
    await mustSnap(name, '-r', 'snap0')
    // What is a mount point cannot be renamed.
    execFileSync('mount', ['--bind', root(name), root(name)])
    try {
      expect((await snap(name, '--undo')).code).not.toBe(0)
    } finally {
      execFileSync('umount', [root(name)])
    }
    expect(read(name)).toBe('one')
    await mustSnap(name, '--undo')
    expect(read(name)).toBe('two')
  })

  test('on a mount point of its own goes, and the mount stays', async () => {
    const point = join(scratch, 'point')
    mkdirSync(point)
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'mode=700', 'none', point])
    try {
      const name = await make('--dir', point)
      await must('destroy', '-P', lxcpath, '-n', name)
      expect(readdirSync(point)).toEqual([])
    } finally {
      execFileSync('umount', [point])
    }
  })
})

test('a create whose template fails while it customises leaves nothing but the base', async () => {
  const other = join(scratch, 'other')
  const failing = join(scratch, 'failing')
  const marker = join(scratch, 'made')
  mkdirSync(join(scratch, 'tree/etc'), { recursive: true })
  writeFileSync(failing, `#!/bin/sh
[ "$TLXC_LAYER_STAGE" != customise ] || { [ ! -e ${marker} ] || exec $(cat ${marker}); echo false >${marker}; exit 0; }
echo "${scratch}/tree the-key" >"$TLXC_LAYER_REQUEST"
`, { mode: 0o755 })
  await must('create', '-P', other, '-q', '-n', 'c1', '-t', failing)
  const before = readdirSync(join(other, '.pool')).sort()
  const { code, stderr } = await tlxc('create', '-P', other, '-q', '-n', 'c2', '-t', failing)
  expect([code, stderr]).toEqual([1, expect.not.stringContaining('cannot clean up')])
  expect([readdirSync(join(other, '.pool')).sort(), existsSync(join(other, 'c2'))]).toEqual([before, false])
  // The same when somebody interrupts it.
  writeFileSync(marker, 'sleep 60')
  const child = spawn(join(binDir, 'tlxc-create'), ['-P', other, '-q', '-n', 'c2', '-t', failing], { stdio: 'ignore' })
  await eventually('its files are shown', () => Promise.resolve(readFileSync('/proc/self/mountinfo', 'utf8').includes(`${other}/c2/rootfs`)))
  child.kill('SIGINT')
  expect(await new Promise((resolve) => child.once('close', resolve))).toBe(130)
  expect([readdirSync(join(other, '.pool')).sort(), existsSync(join(other, 'c2'))]).toEqual([before, false])
  expect(before).not.toContain('hold')
  await must('destroy', '-P', other, '--purge', 'c1')
})

describe('destroy', () => {
  test('recovers an interrupted rename before it looks whose files they are', async () => {
    const [name, other] = [await make('-B', 'dir'), await make('-B', 'dir')]
    const file = join(lxcpath, name, 'config')
    const before = readFileSync(file, 'utf8')
    const after = before.replaceAll(`/${name}/`, `/${other}/`)
    writeFileSync(file, after)
    writeFileSync(join(lxcpath, name, 'journal'), JSON.stringify({
      version: 1, purpose: `rename of ${name} to ${other}`, steps: [{ do: 'write', path: `${name}/config`, before, after, mode: 0o640 }], commit: { do: 'rename', from: name, to: other },
    }))
    await must('destroy', '-P', lxcpath, '-n', name)
    expect(read(other)).toBe('base\n')
    await must('destroy', '-P', lxcpath, '--undo', '-n', name)
    expect(read(name)).toBe('base\n')
  })

  test('and its undo keep the list of clones right', async () => {
    const name = await make()
    await copy(name, '-N', `${name}-c`, '-s')
    const list = join(lxcpath, name, 'lxc_snapshots')
    expect(readFileSync(list, 'utf8')).toBe(`${lxcpath}\n${name}-c\n`)
    await must('destroy', '-P', lxcpath, '-n', `${name}-c`)
    expect(existsSync(list)).toBe(false)
    await must('destroy', '-P', lxcpath, '--undo', '-n', `${name}-c`)
    expect(readFileSync(list, 'utf8')).toBe(`${lxcpath}\n${name}-c\n`)
  })

  test('of the original: its undo finds clones that were renamed, and none that went', async () => {
    const name = await make()
    const [gone, old, now] = ['gone', 'old', 'now'].map((word) => `${name}-${word}`) as [string, string, string]
    for (const clone of [gone, old]) await copy(name, '-N', clone, '-s')
    await must('destroy', '-P', lxcpath, '-s', '-n', name)
    await must('destroy', '-P', lxcpath, '-n', gone)
    await copy(old, '-R', '-N', now)
    await must('destroy', '-P', lxcpath, '--undo', '-n', name)
    expect(readFileSync(join(lxcpath, name, 'lxc_snapshots'), 'utf8')).toBe(`${lxcpath}\n${now}\n`)
  })

  test('of many clones at once, and their undo, forget none', async () => {
    const name = await make()
    const clones = Array.from({ length: 8 }, (_, i) => `${name}-${i}`)
    for (const clone of clones) await copy(name, '-N', clone, '-s')
    const listed = (): string[] => (existsSync(join(lxcpath, name, 'lxc_snapshots')) ? readFileSync(join(lxcpath, name, 'lxc_snapshots'), 'utf8').split('\n').filter((line) => line.startsWith(name)).sort() : [])
    expect(listed()).toEqual(clones)
    await Promise.all(clones.map((clone) => must('destroy', '-P', lxcpath, '-n', clone)))
    expect(listed()).toEqual([])
    await Promise.all(clones.map((clone) => must('destroy', '-P', lxcpath, '--undo', '-n', clone)))
    expect(listed()).toEqual(clones)
  })

  test('of a snapshot is not held up by another one that is on its way through the trash', async () => {
    const name = await make()
    for (const text of ['one', 'two']) {
      write(name, text)
      await mustSnap(name)
    }
    // As a killed one leaves it; the layers of it stay until the trash is emptied.
    mkdirSync(join(lxcpath, '.trash'), { recursive: true, mode: 0o700 })
    execFileSync('cp', ['-a', join(lxcpath, name, 'snaps/snap0'), join(lxcpath, '.trash/snap0.abcdef')])
    expect(await snap(name, '-d', 'snap1')).toMatchObject({ code: 0, stderr: '' })
    expect(await snap(name, '-d', 'ALL')).toMatchObject({ code: 0, stderr: '' })
    await must('destroy', '-P', lxcpath, '--empty-trash')
  })

  test('of snapshots makes room on a full disk', async () => {
    const full = join(scratch, 'full')
    mkdirSync(full)
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=2m', 'none', full])
    try {
      await must('create', '-P', full, '-q', '-n', 'c', '-t', template)
      for (const size of [200e3, 300e3, 100e3]) {
        writeFileSync(join(full, 'c/rootfs/data/file'), Buffer.alloc(size, 'x'))
        await must('snapshot', '-P', full, '-n', 'c')
      }
      await run('sh', ['-c', `cat /dev/zero >${full}/filler`])
      await must('snapshot', '-P', full, '-n', 'c', '-d', 'snap0')
      rmSync(join(full, 'filler'))
      const stack = JSON.parse(readFileSync(join(full, 'c/snaps/snap1/storage.json'), 'utf8')) as { parent: string | null }
      expect([readdirSync(join(full, 'c/snaps')), stack.parent]).toEqual([['snap1', 'snap2'], null])
      await must('destroy', '-P', full, '-s', '--purge', '-n', 'c')
    } finally {
      execFileSync('umount', [full])
    }
  })

  test('refuses as LXC does, and is undone with everything', async () => {
    const name = await make()
    write(name, 'x')
    await mustSnap(name)
    write(name, 'y')
    const refused = await tlxc('destroy', '-P', lxcpath, name)
    expect([refused.code, refused.stderr]).toEqual([1, expect.stringContaining(`Destroying ${name} failed: ${name} has snapshots`)])
    await must('destroy', '-P', lxcpath, '-s', name)
    expect(names()).not.toContain(name)
    expect((await tlxc('destroy', '-P', lxcpath, '--undo', 'never-there')).stderr).toMatch(new RegExp(`in the trash are: .*\\b${name}`))
    await must('destroy', '-P', lxcpath, '--undo', name)
    expect(read(name)).toBe('y')
    await mustSnap(name, '-r', 'snap0')
    expect(read(name)).toBe('x')
  })

  test.each([
    [['--undo', '--empty-trash'], '--undo means nothing with --empty-trash'],
    [['--undo', '--purge', 'kept'], '--purge means nothing with --undo'],
    [['--empty-trash', '-f'], '--force means nothing with --empty-trash'],
    [['--empty-trash', 'kept'], 'cannot empty the trash of "kept" alone'],
  ])('with %j deletes nothing', async (args, message) => {
    const name = await make()
    await must('destroy', '-P', lxcpath, name)
    const { code, stderr } = await tlxc('destroy', '-P', lxcpath, ...args)
    expect([code, stderr]).toEqual([1, expect.stringMatching(new RegExp(`${message}[^]*hint: `))])
    await must('destroy', '-P', lxcpath, '--undo', name)
    await must('destroy', '-P', lxcpath, '--purge', name)
  })

  test('names who sits in the files, and then does nothing', async () => {
    const name = await make()
    const fd = execFileSync('sh', ['-c', `exec 9>>${root(name, 'data/file')}; sleep 30 >/dev/null 2>&1 & echo $!`]).toString().trim()
    const refused = await tlxc('destroy', '-P', lxcpath, name)
    expect([refused.code, refused.stderr]).toEqual([1, expect.stringMatching(new RegExp(`in use by process ${fd} \\(sleep`))])
    process.kill(Number(fd))
    expect(read(name)).toBe('base\n')
  })
})

describe('wrong input', () => {
  test.each([
    [['-r', 'snapX'], 'cannot find snapshot "snapX"'],
    [['-d', 'snapX'], 'cannot find snapshot "snapX"'],
    [['--name', 'a/b'], 'cannot use "a/b" as the name of a snapshot'],
    [['--name', 'ALL'], 'it stands for all of them'],
    [['-L', '-r', 'snap0'], 'cannot do --list and --restore at once'],
    [['--undo'], 'nothing is put aside'],
    [['-n', 'other', '-d', 'ALL'], "unexpected second name 'other'"],
    [['--keep-last', '3'], '--keep-last means nothing here'],
    [['--keep-undo', '3d'], '--keep-undo means nothing here'],
    [['--prune', '--keep-undo', '3'], "invalid value '3' of --keep-undo"],
    [['-r', 'snap0', '-N', 'one', 'two'], 'cannot restore to two names: one and two'],
    [['--all', '-r', 'snap0', '-N', 'one'], 'cannot make one container "one" of several'],
    [['-c', '/nowhere'], 'cannot read the comment "/nowhere"'],
  ])('%j', async (args, message) => {
    const name = await make()
    const { code, stdout, stderr } = await snap(name, ...args)
    expect([code, stdout]).toEqual([1, ''])
    expect(stderr).toContain(message)
    expect(stderr).toContain('hint: ')
    await must('destroy', '-P', lxcpath, '--purge', name)
  })

  test('names that exist, that do not, that cannot be', async () => {
    const name = await make()
    for (const [args, message] of [
      [['-N', name], 'already exists'], [['-N', 'a/b'], 'contains "/"'], [[], 'You must provide a NEWNAME'], [['-N', 'x', '-B', 'zfs'], 'not supported'], [['-N', 'x', '-t'], 'means nothing without -e'],
    ] as const) {
      const { code, stderr } = await tlxc('copy', '-P', lxcpath, '-n', name, ...args)
      expect([code, stderr]).toEqual([1, expect.stringContaining(message)])
    }
    expect((await tlxc('snapshot', '-P', lxcpath, '-n', 'nobody')).stderr).toContain("nobody doesn't exist")
    expect((await tlxc('snapshot', '-P', lxcpath, '-n', 'nobody*')).stderr).toContain('none matches')
  })

  test('a pattern takes all that match, and one that fails does not keep the others from their turn', async () => {
    const a = await make()
    const b = `${a}-b`
    await copy(a, '-N', b)
    execFileSync('mkdir', ['-p', join(lxcpath, a, 'snaps/nightly')])
    const { code, stderr } = await tlxc('snapshot', '-P', lxcpath, '-n', `${a}*`, '--name', 'nightly')
    expect([code, stderr]).toEqual([1, expect.stringContaining(`${a}: cannot take snapshot "nightly"`)])
    expect(await mustSnap(b, '-L')).toContain('nightly')
  })
})

test('the check waits for who destroys a container, and misses nothing then', async () => {
  const name = freshName('going')
  const lock = join(runDir(makePaths(join(repoRoot, 'build/prefix'), process.env['TLXC_ROOT']), lxcpath, name), '../.locks', name)
  mkdirSync(join(lxcpath, name))
  writeFileSync(join(lxcpath, name, 'config'), '')
  mkdirSync(lock, { recursive: true })
  writeFileSync(join(lock, `${process.pid}-${readFileSync('/proc/self/stat', 'utf8').replace(/^.*\) /, '').split(' ')[19]}`), 'destroy')
  const check = tlxc('checkconfig', '-P', lxcpath, '--storage')
  expect(await Promise.race([check, new Promise((resolve) => setTimeout(resolve, 1000, 'it waits'))])).toBe('it waits')
  rmSync(join(lxcpath, name), { recursive: true })
  rmSync(lock, { recursive: true })
  expect(await check).toMatchObject({ stderr: '', stdout: expect.not.stringContaining(name) as string })
})

test('the check finds what is wrong, mends it, and is then content', async () => {
  const name = await make()
  await mustSnap(name)
  mkdirSync(join(lxcpath, '.pool/lzzzz1'))
  writeFileSync(join(lxcpath, '.pool/meta/uzzzz1.claim'), '{"pid":1,"start":0}')
  chmodSync(join(lxcpath, '.pool'), 0o755)
  mkdirSync(join(lxcpath, name, 'snaps/.snap9'))
  execFileSync('umount', [root(name)])
  expect((await tlxc('checkconfig', '-P', lxcpath, '--storage', '--dry-run')).code).toBe(1)
  const { storage } = JSON.parse(await must('checkconfig', '-P', lxcpath, '--storage', '--json')) as { storage: { kind: string }[] }
  expect(new Set(storage.map(({ kind }) => kind))).toEqual(new Set(['open-pool', 'hidden-files', 'view-missing', 'dead-claim', 'dangling']))
  expect(await must('checkconfig', '-P', lxcpath, '--storage')).toBe(`${lxcpath}: nothing wrong\n`)
  expect(read(name)).toBe('base\n')
})

test('without its storage.json, or with a damaged one, a container loses nothing, and the check goes on', async () => {
  const [name, other] = [await make(), await make()]
  await mustSnap(name)
  write(name, 'precious\n')
  execFileSync('umount', [root(other)])
  const file = join(lxcpath, name, 'storage.json')
  const text = readFileSync(file, 'utf8')
  for (const [damage, message] of [['{', 'it is no JSON'], [null, 'storage.json is gone']] as const) {
    if (damage === null) rmSync(file)
    else writeFileSync(file, damage)
    const { code, stdout } = await tlxc('checkconfig', '-P', lxcpath, '--storage')
    expect([code, stdout]).toEqual([1, expect.stringContaining(message)])
    if (damage !== null) expect(stdout).toContain(`mended: ${other}: its files are not shown`)
    await snap(other)
    expect(read(name)).toBe('precious\n')
  }
  execFileSync('umount', [root(name)])
  await tlxc('checkconfig', '-P', lxcpath, '--storage')
  writeFileSync(file, text, { mode: 0o600 })
  await must('checkconfig', '-P', lxcpath, '--storage')
  expect(read(name)).toBe('precious\n')
  for (const one of [name, other]) await must('destroy', '-P', lxcpath, '-s', '--purge', one)
})

test('the check leaves alone what people mounted', async () => {
  const name = await make('-B', 'dir')
  execFileSync('mount', ['--bind', root(name), root(name)])
  try {
    expect(await must('checkconfig', '-P', lxcpath, '--storage')).toBe(`${lxcpath}: nothing wrong\n`)
    expect(readFileSync('/proc/self/mountinfo', 'utf8')).toContain(` ${root(name)} `)
  } finally {
    execFileSync('umount', [root(name)])
  }
})

test('a file that somebody left among the snapshots is in nobody’s way', async () => {
  const name = await make()
  await mustSnap(name)
  writeFileSync(join(lxcpath, name, 'snaps/stray'), '')
  expect(await snap(name, '-L')).toMatchObject({ code: 0, stdout: expect.stringContaining('snap0') })
  expect(await snap(name)).toMatchObject({ code: 0, stderr: '' })
  rmSync(join(lxcpath, name, 'snaps/stray'))
})

test('nobody but root reaches a layer, a view, a snapshot or the trash', async () => {
  const name = await make()
  writeFileSync(root(name, 'shell'), readFileSync('/bin/true'), { mode: 0o755 })
  chmodSync(root(name, 'shell'), 0o4755)
  await mustSnap(name)
  await copy(name, '-N', `${name}-s`, '-s')
  const path = (await mustSnap(name, '--browse', 'snap0')).trim()
  const layer = (JSON.parse(readFileSync(join(lxcpath, name, 'storage.json'), 'utf8')) as { lowers: string[] }).lowers[0] ?? ''
  const files = [root(name, 'shell'), root(`${name}-s`, 'shell'), join(path, 'shell'), join(lxcpath, '.pool', layer, 'shell')]
  for (const file of files) {
    expect(statSync(file).mode & 0o7777).toBe(0o4755)
    // By a shell: setpriv itself still has capabilities when it looks for the program that it runs.
    const { code, stderr } = await run('setpriv', ['--reuid=65534', '--regid=65534', '--clear-groups', 'sh', '-c', 'exec "$0"', file])
    expect([code, stderr], file).toEqual([126, expect.stringContaining('Permission denied')])
  }
  await mustSnap(name, '--release', 'snap0')
})
