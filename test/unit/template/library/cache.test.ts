/** templates/lib/cache.sh: one builds and the others wait; nothing half-made gets a name; what was killed is swept; --refresh-cache. */
import { spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, readFileSync, readdirSync, statSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { libraryBench, type LibraryBench } from '../../../helpers/template-library.ts'

let bench: LibraryBench
let cache = ''
beforeEach(() => {
  bench = libraryBench()
  cache = join(bench.directory, 'cache/t')
})
afterEach(() => bench.remove())

/** A template that builds a tree, and counts how often. */
const template = (build: string): string => `
build_it() { echo built >>"$TMPDIR/builds"; mkdir "$build/etc"; echo "$1" >"$build/etc/version"; chmod 4755 "$build/etc/version"; ${build}; }
open_cache t
provide_rootfs key-1 build_it one`
const builds = (): number => (existsSync(join(bench.directory, 'builds')) ? readFileSync(join(bench.directory, 'builds'), 'utf8').split('\n').length - 1 : 0)
const visible = (): string[] => readdirSync(cache).filter((entry) => !entry.startsWith('.lock.'))
const mounts = (): boolean => readFileSync('/proc/self/mountinfo', 'utf8').includes(bench.directory)

describe.runIf(process.getuid?.() === 0)('cache', () => {
  test('the second comes from the cache; modes stay; only root may look', async () => {
    await bench.ok(template('ln -s x "$build/l"; origin source http://m/'))
    expect(statSync(join(bench.rootfs, 'etc/version')).mode & 0o7777).toBe(0o4755)
    await bench.ok(template('false'))
    expect(builds()).toBe(1)
    expect(visible()).toEqual(['key-1'])
    expect(readdirSync(join(cache, 'key-1')).sort()).toEqual(['id', 'origin', 'rootfs'])
    expect(statSync(cache).mode & 0o777).toBe(0o700)
    expect(statSync(join(cache, 'key-1/rootfs')).mode & 0o777).toBe(0o755)
    expect(readFileSync(join(cache, 'key-1/origin'), 'utf8')).toMatch(/^source=http:\/\/m\/\ncreated=\d+\n$/)
    expect(mounts()).toBe(false)
  })

  test('the tree carries no attributes of the overlay that it was built in', async () => {
    const lines = template('case $build in */area/merged/*) ;; *) die "no overlay" ;; esac; mkdir -p "$build/a/b"; mv "$build/a/b" "$build/c"; rm -r "$build/a"')
    // pax headers name each attribute, mapped to no user's view.
    const headers = await bench.ok(`${lines}\ntar --create --format=pax --xattrs --xattrs-include='*' -C "$entry/rootfs" . | grep -ac 'xattr.trusted' || true`)
    expect(headers).toBe('0\n')
  })

  test.each([['false', 1], ['die "mirror is down"', 1], ['kill -TERM $$; sleep 5', 143], ['echo x >/nonexistent/x', 2]])(
    'a build that ends by %s leaves nothing, and no entry', async (end, code) => {
      expect((await bench.sh(template(end))).code).toBe(code)
      expect(visible()).toEqual([])
      expect(mounts()).toBe(false)
      await bench.ok(template(':'))
      expect(visible()).toEqual(['key-1'])
    })

  test('a failure in the middle is a failure, though a later step succeeds', async () => {
    expect((await bench.sh(template('false; true'))).code).not.toBe(0)
    expect(visible()).toEqual([])
  })

  test('kill -9: the next one sweeps, mounts too', async () => {
    await bench.sh(template('kill -9 $$'))
    expect(visible()).not.toEqual([])
    await bench.ok('open_cache t')
    expect(visible()).toEqual([])
    expect(mounts()).toBe(false)
  })

  test('what is being built is not swept, and not built twice', async () => {
    const gate = join(bench.directory, 'gate')
    const slow = template(`until [ -e ${gate} ]; do sleep 0.05; done`)
    const first = bench.sh(slow)
    while (builds() === 0) await new Promise((resolve) => setTimeout(resolve, 20))
    const second = bench.sh(slow)
    await new Promise((resolve) => setTimeout(resolve, 300))
    writeFileSync(gate, '')
    expect([await first, await second].map(({ code, stderr }) => [code, stderr])).toEqual([[0, ''], [0, '']])
    expect(builds()).toBe(1)
  })

  test('flush=yes builds anew, and a failure leaves the old one', async () => {
    await bench.ok(template(':'))
    const id = readFileSync(join(cache, 'key-1/id'), 'utf8')
    expect((await bench.sh(`flush=yes\n${template('die no')}`)).code).toBe(1)
    expect(readFileSync(join(cache, 'key-1/id'), 'utf8')).toBe(id)
    await bench.ok(`flush=yes\n${template(':')}`)
    expect(readFileSync(join(cache, 'key-1/id'), 'utf8')).not.toBe(id)
    expect(visible()).toEqual(['key-1'])
    await bench.ok('open_cache t; clean_cache')
    expect(visible()).toEqual([])
  })

  test.each(['clean_cache', 'drop_entry key-1'])('%s that is cut short: what is left has no name of an entry, and is swept', async (removal) => {
    await bench.ok(template(':'))
    expect((await bench.sh(`open_cache t; remove_tree() { kill -9 $$; }; ${removal}`)).code).not.toBe(0)
    expect(visible()).toEqual([expect.stringMatching(/^trash\.key-1\./)])
    await bench.ok('open_cache t')
    expect(visible()).toEqual([])
  })

  test('what has no id is not taken for finished', async () => {
    mkdirSync(join(cache, 'key-1/rootfs/etc'), { recursive: true })
    await bench.ok(template(':'))
    expect(builds()).toBe(1)
    expect(visible()).toEqual(['key-1'])
    expect(existsSync(join(bench.rootfs, 'etc/version'))).toBe(true)
  })

  describe('refresh', () => {
    const refresh = (newer: string, build = ':', key = 'key-1'): string => `
build_it() { mkdir "$build/etc"; echo new >"$build/etc/version"; ${build}; }
entry_arguments=--release=1
newer_it() { [ -d "$entry/rootfs" ] && ${newer}; }
open_cache t
refresh_entry ${key} newer_it build_it`
    const id = (key = 'key-1'): string => readFileSync(join(cache, key, 'id'), 'utf8')
    const version = (): string => readFileSync(join(cache, 'key-1/rootfs/etc/version'), 'utf8')
    const gated = (gate: string): string => refresh('true', `: >${gate}.begun; until [ -e ${gate} ]; do sleep 0.05; done`)
    const begun = async (gate: string): Promise<void> => {
      while (!existsSync(`${gate}.begun`)) await new Promise((resolve) => setTimeout(resolve, 20))
    }
    beforeEach(() => bench.ok(`entry_arguments=--release=1\n${template(':')}`))

    test('nothing newer: it stays as it is; something newer: another one in its place', async () => {
      const before = id()
      await bench.ok(refresh('false', 'die no'))
      expect([id(), version()]).toEqual([before, 'one\n'])
      await bench.ok(refresh('true'))
      expect(id()).not.toBe(before)
      expect(version()).toBe('new\n')
      expect(visible()).toEqual(['key-1'])
    })

    test.each([['true', 'die "mirror is down"'], ['die "mirror is down"', ':'], ['true', 'kill -TERM $$; sleep 5']])('a failure (%s, %s) leaves the old one', async (newer, build) => {
      const before = id()
      expect((await bench.sh(refresh(newer, build))).code).not.toBe(0)
      expect([id(), version(), visible()]).toEqual([before, 'one\n', ['key-1']])
      expect(mounts()).toBe(false)
    })

    test('kill -9 in the middle: the next one sweeps, and has the old one', async () => {
      await bench.sh(refresh('true', 'kill -9 $$'))
      expect(visible()).not.toEqual(['key-1'])
      await bench.ok('open_cache t')
      expect(visible()).toEqual(['key-1'])
      expect(version()).toBe('one\n')
    })

    test('creates go on with the old one meanwhile; of two refreshes one builds', async () => {
      const gate = join(bench.directory, 'gate')
      const first = bench.sh(gated(gate))
      await begun(gate)
      const second = bench.sh(refresh('true', 'die "built twice"'))
      await bench.ok(template('die no'))
      expect(readFileSync(join(bench.rootfs, 'etc/version'), 'utf8')).toBe('one\n')
      writeFileSync(gate, '')
      expect([await first, await second].map(({ code, stderr }) => [code, stderr])).toEqual([[0, ''], [0, '']])
      expect(version()).toBe('new\n')
    })

    test('who copies from the old one is waited for', async () => {
      const gate = join(bench.directory, 'gate')
      const copy = bench.sh(`open_cache t; cache_entry key-1 false; : >${gate}.begun; until [ -e ${gate} ]; do sleep 0.05; done; cat "$entry/rootfs/etc/version"`)
      await begun(gate)
      const refreshed = bench.sh(`${refresh('true')}\necho done`)
      await new Promise((resolve) => setTimeout(resolve, 500))
      expect(version()).toBe('one\n')
      writeFileSync(gate, '')
      expect((await copy).stdout).toBe('one\n')
      expect((await refreshed).stdout).toBe('done\n')
      expect(version()).toBe('new\n')
    })

    test('what an older template made with the same options goes; other options stay', async () => {
      await bench.ok('build_it() { :; }\nopen_cache t\nentry_arguments=--release=2\ncache_entry key-2 build_it')
      await bench.ok(refresh('die no', ':', 'key-3'))
      expect(visible()).toEqual(['key-2', 'key-3'])
    })

    test('what another one builds with the same options meanwhile stays', async () => {
      const gate = join(bench.directory, 'gate')
      const first = bench.sh(refresh('true', `origin argument --release=1; : >${gate}.begun; until [ -e ${gate} ]; do sleep 0.05; done`))
      await begun(gate)
      await bench.ok(refresh('die no', ':', 'key-3'))
      writeFileSync(gate, '')
      expect(await first).toMatchObject({ code: 0, stderr: '' })
      expect(version()).toBe('new\n')
    })

    test('clean waits for it, and nothing is left', async () => {
      const gate = join(bench.directory, 'gate')
      const first = bench.sh(gated(gate))
      await begun(gate)
      const clean = bench.sh('open_cache t; clean_cache')
      await new Promise((resolve) => setTimeout(resolve, 300))
      writeFileSync(gate, '')
      expect([(await first).code, (await clean).code]).toEqual([0, 0])
      expect(visible()).toEqual([])
    })
  })

  test('a layer instead of a copy, when it is asked for', async () => {
    const request = join(bench.directory, 'request')
    writeFileSync(request, '')
    await bench.ok(`${template(':')}\necho not reached >&2; exit 1`, { TLXC_LAYER_REQUEST: request })
    const id = readFileSync(join(cache, 'key-1/id'), 'utf8').trim()
    expect(readFileSync(request, 'utf8')).toBe(`${cache}/key-1/rootfs key-1-${id}\n${cache}/.lock.key-1\n${cache}/key-1/id\n`)
    expect(readdirSync(bench.rootfs)).toEqual([])
    expect(await bench.ok(`${template('exit 1')}\necho customised`, { TLXC_LAYER_STAGE: 'customise' })).toBe('customised\n')
    expect((await bench.sh(template(':'), { TLXC_LAYER_STAGE: 'later' })).stderr).toContain("knows no stage 'later'")
  })

  test('a cache that is somebody else\'s, or a link, is refused', async () => {
    mkdirSync(join(bench.directory, 'cache'))
    mkdirSync(join(bench.directory, 'elsewhere'))
    symlinkSync(join(bench.directory, 'elsewhere'), cache)
    expect((await bench.sh('open_cache t')).stderr).toContain('is not a directory of root')
  })

  test('a full disk: an error, and the cache as it was', async () => {
    const disk = join(bench.directory, 'cache')
    mkdirSync(disk)
    expect(spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=1m', 'tlxctest', disk]).status).toBe(0)
    try {
      const said = await bench.sh(template('dd if=/dev/zero of="$build/big" bs=64k count=64'))
      expect(said.code).not.toBe(0)
      expect(said.stderr).toContain('No space left')
      expect(visible()).toEqual([])
    } finally {
      spawnSync('umount', ['-R', disk])
    }
  })
})
