/** Each layer of an OCI image is a shared layer of the pool: what it costs, that the kernel shows what the image is, and what becomes of it. */
import { execFileSync, spawn } from 'node:child_process'
import { existsSync, lstatSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { binDir, eventually, freshName, leavesNothing, must, run, tlxc, type Result } from '../helpers/e2e.ts'
import { makeBusyboxTree } from '../helpers/image-server.ts'
import { writeLayout } from '../helpers/oci-layout.ts'
import { entry, layer as tarOf, pax, raw } from '../helpers/tar.ts'

const MIB = 1 << 20
let scratch = ''
let lxcpath = ''
let base = ''
let app = ''
const cache = (): string => join(process.env['TLXC_ROOT'] ?? '', 'var/cache/tlxc/oci')
const pool = (): string => join(lxcpath, '.pool')
const rootfs = (name: string, path = ''): string => join(lxcpath, name, 'rootfs', path)

beforeAll(() => {
  scratch = mkdtempSync('/var/tmp/tlxc-ocil-')
  lxcpath = join(scratch, 'lxc')
  mkdirSync(lxcpath, { mode: 0o711 })
  base = makeBusyboxTree(join(scratch, 'tree'))
  // As a system has them: something to weigh, to hide, to replace, to link to.
  shell(base, `head -c 8M /dev/urandom >weight; mkdir -p gone/deep dir2file keep/opaque keep/sub closed; echo 1 >gone/deep/file; echo 1 >dir2file/in; echo 1 >file2dir
    echo 1 >keep/opaque/old; echo 1 >keep/file; echo 1 >linked; ln linked keep/other; echo 1 >moved; chmod 700 closed; chown 12:34 closed; echo 1 >closed/first; chmod 1777 keep/sub`)
  app = layout('app', base, layer('rm -rf *; touch .wh.gone .wh.never .wh.dir2file; echo 2 >dir2file; mkdir file2dir; touch .wh.file2dir; echo 2 >file2dir/in; mkdir -p keep/opaque new/below; touch keep/opaque/.wh..wh..opq keep/opaque/.wh.old; echo 2 >keep/opaque/new; touch new/.wh.ghost new/below/.wh.ghost; echo 2 >keep/new'),
    layer('mkdir -p keep/opaque keep/sub; touch keep/.wh.new keep/opaque/.wh.new; echo 3 >keep/sub/three'))
})
afterAll(async () => {
  for (const name of readdirSync(lxcpath).filter((one) => !one.startsWith('.'))) {
    await tlxc('destroy', '-P', lxcpath, '-f', '-s', '--purge', '-n', name)
    await leavesNothing(name)
  }
  await must('template', 'cache', '-P', lxcpath, '--flush')
  expect(readdirSync(pool()).filter((name) => /^[lut]/.test(name))).toEqual([])
  expect(readFileSync('/proc/self/mountinfo', 'utf8')).not.toContain(scratch)
  rmSync(scratch, { recursive: true })
})

function shell(directory: string, script: string): void {
  execFileSync('sh', ['-ec', `umask 022; ${script}`], { cwd: directory })
}

/** A layer's directory made by a script that runs in it. */
function layer(script: string): string {
  const directory = mkdtempSync(join(scratch, 'layer-'))
  shell(directory, `chmod 755 .; ${script}`)
  return directory
}

/** A layer's archive, made by a script that gets its path. */
function archive(script: string): string {
  const directory = mkdtempSync(join(scratch, 'tar-'))
  shell(directory, script)
  return join(directory, 'layer.tar')
}

function layout(name: string, ...layers: string[]): string {
  const directory = join(scratch, name)
  writeLayout(directory, { layers, config: { Cmd: ['/bin/sh', '-c', 'while :; do sleep 1000; done'] } })
  return directory
}

const create = (name: string, directory: string, ...args: string[]): Promise<Result> => tlxc('create', '-P', lxcpath, '-n', name, '-t', 'oci', ...args, '--', `--url=oci:${directory}`)

/** Resolves with its name. */
async function made(directory: string, ...args: string[]): Promise<string> {
  const name = freshName('ocil')
  const { code, stderr } = await create(name, directory, ...args)
  expect(code, stderr).toBe(0)
  return name
}

/** Top first. */
const lowersOf = (name: string): string[] => (JSON.parse(readFileSync(join(lxcpath, name, 'storage.json'), 'utf8')) as { lowers: string[] }).lowers
const layersInPool = (): string[] => readdirSync(pool()).filter((name) => /^l[a-z0-9]{5}$/.test(name))
const bytesInPool = (): number => Number(execFileSync('du', ['-s', '--block-size=1', pool()], { encoding: 'utf8' }).split('\t')[0])
const inside = (name: string, script: string): Promise<string> => must('attach', '-P', lxcpath, '-n', name, '--', '/bin/sh', '-c', script)
const flush = (): Promise<string> => must('template', 'cache', '-P', lxcpath, '--flush')
const destroy = (...names: string[]): Promise<unknown> => Promise.all(names.map((name) => must('destroy', '-P', lxcpath, '-s', '--purge', '-f', '-n', name)))

/** Looks only: nothing may need mending. */
async function expectSound(): Promise<void> {
  const { storage } = JSON.parse(await must('checkconfig', '--storage', '-P', lxcpath, '--json')) as { storage: unknown[] }
  expect(storage).toEqual([])
}

/** Everything of a tree but the files that each container has of its own. Not link counts: a name in a layer counts although it is hidden. */
function tree(directory: string): string[] {
  const text = execFileSync('find', ['.', '-path', './etc/hosts', '-o', '-path', './etc/hostname', '-o', '-printf', '%P %y %m %U:%G %s %l\n'], { cwd: directory, encoding: 'utf8' })
  return text.split('\n').map((line) => line.replace(/^(\S* d \S+ \S+) .*/, '$1')).sort()
}

async function started(name: string, work: () => Promise<void>): Promise<void> {
  await must('start', '-P', lxcpath, '-n', name, '-s', 'lxc.net=')
  try {
    await work()
  } finally {
    await must('stop', '-P', lxcpath, '-k', '-n', name)
  }
}

describe('what it costs', () => {
  test('ten containers of one image cost one; the second is there at once', async ({ annotate }) => {
    const begin = performance.now()
    const first = await made(app)
    const firstMs = performance.now() - begin
    const [before, layers] = [bytesInPool(), layersInPool()]
    expect(layers).toHaveLength(3)
    expect(before).toBeGreaterThan(8 * MIB)
    const again = performance.now()
    const second = await made(app)
    const secondMs = performance.now() - again
    const others = [second]
    while (others.length < 9) others.push(await made(app))
    expect(layersInPool()).toEqual(layers)
    expect(new Set([first, ...others].map((name) => lowersOf(name).join())).size).toBe(1)
    // What each has of its own: an upper with its names, and metadata.
    expect((bytesInPool() - before) / others.length).toBeLessThan(128 << 10)
    await annotate(`first create ${firstMs.toFixed(0)} ms, second ${secondMs.toFixed(0)} ms; pool ${(before / MIB).toFixed(1)} MiB with one, ${(bytesInPool() / MIB).toFixed(1)} MiB with ten`)
    await expectSound()
    await destroy(first, ...others)
    // As long as the image is in the cache.
    expect(layersInPool()).toEqual(layers)
    expect(lowersOf(await made(app)).sort()).toEqual(layers.sort())
  })

  test('images share layers: below as far as they are the same, and one that stands for itself on any base', async () => {
    const addition = layer('mkdir -p opt/tool; echo tool >opt/tool/file')
    const other = layer('mkdir extra; echo other >extra/file')
    const [a, b, c] = [layout('share-a', base, addition), layout('share-b', base, other, addition), layout('share-c', other, addition)]
    const lowers: string[][] = []
    for (const directory of [a, b, c]) lowers.push(lowersOf(await made(directory)))
    const [first = [], second = [], third = []] = lowers
    expect(second).toEqual([first[0], second[1], first[1]])
    expect(third).toEqual([first[0], second[1]])
    expect(new Set(lowers.flat()).size).toBe(3)
    await expectSound()
  })

  test('the cache is flushed: layers that containers have stay as long as these, others go at once', async () => {
    const own = layout('flushed', base, layer('echo own >own'))
    const [name, unused] = [await made(own), await made(layout('unused', base, layer('echo unused >unused')))]
    const [top = ''] = lowersOf(unused)
    await destroy(unused)
    expect(layersInPool()).toContain(top)
    await flush()
    expect(layersInPool()).not.toContain(top)
    expect(readdirSync(cache()).filter((file) => !file.startsWith('.'))).toEqual([])
    await started(name, async () => expect(await inside(name, 'cat /own')).toBe('own\n'))
    const kept = lowersOf(name)
    expect(layersInPool()).toEqual(expect.arrayContaining(kept))
    await expectSound()
    await destroy(name)
    expect(layersInPool()).not.toContain(kept[0])
  })

  test('a tag that moved: what it meant goes, blobs and layers, by a refresh or with the next create', async () => {
    const entries = (): string[] => readdirSync(cache()).filter((file) => file.startsWith('moving-'))
    let old = ''
    for (const version of ['1', '2', '3']) {
      const moving = layout('moving', base, layer(`echo ${version} >version`))
      if (version === '2') {
        await must('template', 'cache', '-P', lxcpath, '--refresh', `oci/${entries()[0] ?? 'none'}`)
        expect(layersInPool()).not.toContain(old)
      }
      const name = await made(moving)
      expect(readFileSync(rootfs(name, 'version'), 'utf8')).toBe(`${version}\n`)
      expect(entries()).toHaveLength(1)
      const [top = ''] = lowersOf(name)
      await destroy(name)
      expect(layersInPool()).not.toContain(old)
      expect(layersInPool()).toContain(top)
      old = top
    }
    const blobs = readFileSync(join(cache(), entries()[0] ?? 'none', 'origin'), 'utf8').match(/^blob=/gm)
    expect(blobs).toHaveLength(4)
  })
})

describe('the kernel shows what the image is', () => {
  const both = async (directory: string): Promise<{ layered: string; plain: string }> => ({ layered: await made(directory), plain: await made(directory, '-B', 'dir') })

  test('whiteouts, opaque directories, files for directories and the other way round', async () => {
    const { layered, plain } = await both(app)
    expect(tree(rootfs(layered))).toEqual(tree(rootfs(plain)))
    await started(layered, async () => {
      expect(await inside(layered, 'cd /; ls -d gone never 2>/dev/null; cat dir2file file2dir/in; ls keep keep/opaque keep/sub new new/below')).toBe(
        '2\n2\nkeep:\nfile\nopaque\nother\nsub\n\nkeep/opaque:\n\nkeep/sub:\nthree\n\nnew:\nbelow\n\nnew/below:\n')
      // A whiteout with nothing to hide would show as a device that cannot be looked at.
      expect(await inside(layered, 'ls -laR /new /keep /file2dir 2>&1 | grep -c "?\\|No such" || true')).toBe('0\n')
      expect(await inside(layered, 'stat -c %a:%u:%g /closed /keep/sub')).toBe('700:12:34\n755:0:0\n')
    })
  })

  test('directories that an archive does not list keep what they were; names of any bytes', async () => {
    const implied = archive(`mkdir -p d/closed d/keep/sub d/fresh/way; echo 2 >d/closed/second; echo 2 >d/keep/sub/second; echo 2 >d/fresh/way/file
      touch "d/keep/sub/$(printf '\\303\\244 \\377\\n')" "d/keep/.wh.$(printf 'x\\377')"
      cd d; find . -type f -print0 | tar --create --file ../layer.tar --no-recursion --null --files-from -`)
    const odd = layer(`mkdir keep "$(printf 'o\\377')"; touch "keep/$(printf 'x\\377')" "$(printf 'o\\377/in')"`)
    const opaque = layer(`mkdir "$(printf 'o\\377')"; touch "$(printf 'o\\377')/.wh..wh..opq"`)
    const { layered, plain } = await both(layout('implied', base, odd, implied, opaque))
    expect(tree(rootfs(layered))).toEqual(tree(rootfs(plain)))
    for (const name of [layered, plain]) {
      expect(statSync(rootfs(name, 'closed')), name).toMatchObject({ mode: 0o40700, uid: 12, gid: 34 })
      expect(statSync(rootfs(name, 'keep/sub')).mode & 0o7777, name).toBe(0o1777)
      expect(statSync(rootfs(name, 'fresh/way')).mode & 0o7777, name).toBe(0o755)
      expect(execFileSync('ls', ['-b', rootfs(name, 'keep'), rootfs(name)], { encoding: 'utf8', env: { ...process.env, LC_ALL: 'C' } }), name).not.toContain('x\\377')
      expect(statSync(rootfs(name, 'closed')).mtimeMs, name).toBe(statSync(join(base, 'closed')).mtimeMs - (statSync(join(base, 'closed')).mtimeMs % 1000))
    }
  })

  test('hard links to files of layers below, to one that is hidden at the same time, and through links within a layer', async () => {
    const links = archive(`mkdir d; cd d; echo 1 >linked; ln linked again; mkdir keep; ln linked keep/third; echo 1 >moved; ln moved renamed
      mkdir -p usr2/lib2; ln -s usr2/lib2 lib2; touch .wh.moved
      tar --create --sort=name --file ../layer.tar ./linked ./again ./keep/third ./moved ./renamed ./.wh.moved ./usr2 ./lib2
      tar --delete --file ../layer.tar ./linked ./moved
      mkdir ../e; cd ../e; mkdir lib2; echo through >lib2/file; tar --append --no-recursion --file ../layer.tar ./lib2/file`)
    const { layered, plain } = await both(layout('links', base, links))
    for (const name of [layered, plain]) {
      expect(readFileSync(rootfs(name, 'again'), 'utf8'), name).toBe('1\n')
      expect(readFileSync(rootfs(name, 'renamed'), 'utf8'), name).toBe('1\n')
      expect(existsSync(rootfs(name, 'moved')), name).toBe(false)
      expect(statSync(rootfs(name, 'again')).ino, name).toBe(statSync(rootfs(name, 'linked')).ino)
      expect(statSync(rootfs(name, 'keep/third')).ino, name).toBe(statSync(rootfs(name, 'linked')).ino)
      expect(readFileSync(rootfs(name, 'usr2/lib2/file'), 'utf8'), name).toBe('through\n')
    }
    expect(tree(rootfs(layered))).toEqual(tree(rootfs(plain)))
    const broken = archive('mkdir d; cd d; echo 1 >nowhere; ln nowhere link; tar --create --file ../layer.tar ./nowhere ./link; tar --delete --file ../layer.tar ./nowhere')
    const failed = freshName('ocil')
    expect((await create(failed, layout('broken-link', base, broken))).stderr).toMatch(/cannot unpack ".*": .*\.\/link.*Cannot hard link/)
    expect(existsSync(join(lxcpath, failed))).toBe(false)
    await expectSound()
  })

  test('with ids of its own, with others, and privileged; device nodes are for the last one alone', async () => {
    const devices = layout('devices', base, layer('echo plain >plain'), layer('mkdir dev2; mknod dev2/null c 1 3; mknod dev2/white c 0 0; echo file >dev2/file; chown 1000:2000 dev2/file'))
    const [one, two, root] = [await made(devices), await made(devices), await made(devices, '--privileged')]
    expect(lowersOf(two)).toEqual(lowersOf(one))
    // The base has one, too.
    expect(lowersOf(root).map((name, at) => name === lowersOf(one)[at])).toEqual([false, true, false])
    expect(readdirSync(rootfs(one, 'dev2'))).toEqual(['file'])
    expect(readdirSync(rootfs(root, 'dev2')).sort()).toEqual(['file', 'null'])
    for (const name of [one, two, root]) await started(name, async () => expect(await inside(name, 'stat -c %u:%g /dev2/file')).toBe('1000:2000\n'))
  })

  test('more layers than are good for a stack: the lowest become one, which a larger image shares; snapshots and merging leave the image alone', async () => {
    const many = Array.from({ length: 40 }, (_, number) => layer(`mkdir n; echo ${number} >n/${number}; echo ${number} >last; ${number > 0 ? `touch n/.wh.${number - 1}` : ''}`))
    const [forty, more] = [layout('forty', base, ...many), layout('more', base, ...many, layer('mkdir n; echo more >n/more'))]
    const [name, larger] = [await made(forty), await made(more)]
    const image = lowersOf(name)
    expect(image).toHaveLength(26)
    expect(lowersOf(larger).slice(1)).toEqual(image)
    expect(readdirSync(rootfs(name, 'n'))).toEqual(['39'])
    expect(readFileSync(rootfs(larger, 'last'), 'utf8')).toBe('39\n')
    expect(readdirSync(rootfs(larger, 'n')).sort()).toEqual(['39', 'more'])
    for (let count = 0; count < 3; count++) {
      writeFileSync(rootfs(name, `own${count}`), 'own')
      await must('snapshot', '-P', lxcpath, '-n', name)
    }
    expect(lowersOf(name)).toHaveLength(29)
    await must('snapshot', '-P', lxcpath, '--squash', '-n', name)
    expect(lowersOf(name).slice(1)).toEqual(image)
    expect(readdirSync(rootfs(name)).filter((file) => file.startsWith('own')).sort()).toEqual(['own0', 'own1', 'own2'])
    await expectSound()
  })

  test('the same layer twice in one image; another compression; in a file and back', async () => {
    const twice = layer('mkdir t; echo again >t/file')
    const name = await made(layout('twice', base, twice, layer('mkdir t; echo other >t/file'), twice))
    expect(lowersOf(name)).toHaveLength(4)
    expect(readFileSync(rootfs(name, 't/file'), 'utf8')).toBe('again\n')
    const zstd = join(scratch, 'zstd')
    writeLayout(zstd, { layers: [base, twice], compress: 'zstd' })
    expect(lowersOf(await made(zstd))).toEqual(lowersOf(name).slice(-2))
    const original = await made(app)
    const file = join(scratch, 'archive')
    await must('export', '-P', lxcpath, '-n', original, file)
    const copy = freshName('ocil')
    await must('import', '-P', lxcpath, file, copy)
    expect(tree(rootfs(copy))).toEqual(tree(rootfs(original)))
  })
})

describe('what goes wrong', () => {
  test('a wrong checksum is told as such, and nothing of it stays: not in the cache, not in the pool', async () => {
    const wrong = layer('echo wrong >wrong')
    const lying = join(scratch, 'lying')
    const right = writeLayout(join(scratch, 'right'), { layers: [base, layer('echo right >file')] })
    expect(right).toHaveLength(2)
    // It says that its second layer is that of another image.
    const { rootfs: said } = configOf('right')
    writeLayout(lying, { layers: [base, wrong], diffIds: said.diff_ids })
    const failed = freshName('ocil')
    const before = layersInPool()
    const { code, stderr } = await create(failed, lying)
    expect(code).not.toBe(0)
    expect(stderr).toMatch(/cannot unpack ".*\/blobs\/sha256\/[0-9a-f]{64}": its content has another checksum than the configuration of the image says\n.*hint: /)
    expect(layersInPool().filter((name) => !before.includes(name))).toEqual([])
    const good = await made(join(scratch, 'right'))
    expect(readFileSync(rootfs(good, 'file'), 'utf8')).toBe('right\n')
    expect(existsSync(rootfs(good, 'wrong'))).toBe(false)
    expect((await create(failed, lying, '-B', 'dir')).stderr).toContain('has another checksum than the configuration of the image says')
    await expectSound()
  })

  test('a blob that was damaged in the cache: named, removed, and fetched anew', async () => {
    // Larger than what is read again for each create.
    const large = layout('large', base, layer('head -c 6M /dev/urandom >large'))
    await destroy(await made(large))
    await must('template', 'cache', '-P', lxcpath, '--flush')
    const blobs = readdirSync(join(large, 'blobs/sha256'))
    const [top = ''] = blobs.filter((blob) => statSync(join(large, 'blobs/sha256', blob)).size > 6 * MIB).sort((a, b) => statSync(join(large, 'blobs/sha256', a)).size - statSync(join(large, 'blobs/sha256', b)).size)
    // The image is in the cache, its layers are not in the pool of another lxcpath.
    await must('create', '-P', lxcpath, '-n', freshName('ocil'), '-t', 'oci', '--', `--url=oci:${large}`)
    const elsewhere = join(scratch, 'elsewhere')
    mkdirSync(elsewhere, { mode: 0o711 })
    const blob = join(cache(), 'blobs/sha256', top)
    const content = readFileSync(blob)
    content.writeUInt8(content.readUInt8(5 * MIB) ^ 1, 5 * MIB)
    writeFileSync(blob, content)
    const name = freshName('ocil')
    const there = (...args: string[]): Promise<Result> => tlxc('create', '-P', elsewhere, '-n', name, '-t', 'oci', '--', `--url=oci:${large}`, ...args)
    const { stderr } = await there()
    expect(stderr).toContain(`cannot use "${blob}": its content has another checksum than its name`)
    expect(existsSync(blob)).toBe(false)
    expect(existsSync(join(elsewhere, name))).toBe(false)
    expect((await there()).code).toBe(0)
    await must('destroy', '-P', elsewhere, '--purge', '-n', name)
  })

  test('an image that wants to write elsewhere', async () => {
    const outside = mkdtempSync(join(scratch, 'outside-'))
    writeFileSync(join(outside, 'precious'), 'precious')
    const first = layer(`mkdir etc; ln -s ${outside} data; ln -s ../../../../../../../..${outside} up; ln -s ${outside}/precious etc/file`)
    const second = layer('mkdir data up etc; echo evil >data/evil; touch data/.wh.precious up/.wh.precious; echo evil >up/evil; echo evil >etc/file')
    // In one archive: a link, then something below it, then a link from there.
    const third = archive(`mkdir d d/x; cd d; echo evil >x/evil; ln -s ${outside} y; tar --create --file ../layer.tar ./y; tar --append --transform 's,^./x,./y,' --file ../layer.tar ./x/evil`)
    const fourth = archive(`mkdir d; cd d; echo evil >evil; tar --create --file ../layer.tar --absolute-names --transform 's,^evil,../../../../../..${outside}/evil,' evil`)
    const name = await made(layout('hostile', base, first, second))
    expect(lstatSync(rootfs(name, 'data')).isDirectory()).toBe(true)
    expect(readFileSync(rootfs(name, 'data/evil'), 'utf8')).toBe('evil\n')
    for (const odd of [third, fourth]) await create(freshName('ocil'), layout(`hostile-${odd === third ? 3 : 4}`, base, first, odd))
    expect(readdirSync(outside)).toEqual(['precious'])
    expect(readFileSync(join(outside, 'precious'), 'utf8')).toBe('precious')
    await expectSound()
  })

  test('an image with a name that no file can have', async () => {
    const odd = join(mkdtempSync(join(scratch, 'tar-')), 'layer.tar')
    writeFileSync(odd, tarOf(pax({ path: Buffer.alloc(4 * MIB, 'a') }), entry({ name: 'x' })))
    const { code, stderr } = await create(freshName('ocil'), layout('overlong', base, odd))
    expect([code, stderr]).toEqual([1, expect.stringContaining('a name in it is longer than a file can have')])
    await expectSound()
  })

  test('an image whose names would fill the memory', async () => {
    const odd = join(mkdtempSync(join(scratch, 'tar-')), 'layer.tar')
    const link = (number: number): Buffer => raw(pax({ linkpath: Buffer.alloc(4000, `${number}/`) }), entry({ name: 'x', type: '1' }))
    writeFileSync(odd, tarOf(...Array.from({ length: 20_000 }, (_, number) => link(number))))
    const { code, stderr } = await create(freshName('ocil'), layout('names', base, odd))
    expect([code, stderr]).toEqual([1, expect.stringContaining('the names of its directories and links fill more memory than they may')])
    await expectSound()
  })

  test('killed while it unpacks: nothing half-made stays, and what was finished is found', async () => {
    const heavy = layout('heavy', base, layer('echo small >small'), layer('head -c 160M /dev/urandom >heavy'))
    const name = freshName('ocil')
    const child = spawn(join(binDir, 'tlxc-create'), ['-P', lxcpath, '-n', name, '-t', 'oci', '--', `--url=oci:${heavy}`], { stdio: 'ignore' })
    const half = await eventually('a large file that is being unpacked', () => {
      const found = layersInPool().find((one) => existsSync(join(pool(), one, 'heavy')))
      return Promise.resolve(found !== undefined && statSync(join(pool(), found, 'heavy')).size < 150 * MIB ? found : undefined)
    })
    child.kill('SIGKILL')
    await eventually('its end', () => Promise.resolve(child.signalCode !== null))
    const small = layersInPool().find((one) => existsSync(join(pool(), one, 'small'))) ?? 'none'
    const again = await made(heavy)
    expect(lowersOf(again)[1]).toBe(small)
    expect(lowersOf(again)).not.toContain(half)
    expect(statSync(rootfs(again, 'heavy')).size).toBe(160 * MIB)
    // What the killed one left of its own name is mended by whoever comes; then everything is sound.
    await tlxc('checkconfig', '--storage', '-P', lxcpath)
    await expectSound()
    expect(layersInPool()).not.toContain(half)
    expect(existsSync(join(lxcpath, name))).toBe(false)
    expect((await run('pgrep', ['-f', `^tar .*${pool()}`])).code).toBe(1)
  })

  test('interrupted, and without room: told, and nothing stays', async () => {
    const heavy = layout('heavy2', base, layer('head -c 160M /dev/urandom >heavy'))
    const before = layersInPool()
    const child = spawn(join(binDir, 'tlxc-create'), ['-P', lxcpath, '-n', freshName('ocil'), '-t', 'oci', '--', `--url=oci:${heavy}`], { stdio: 'ignore' })
    await eventually('a large file that is being unpacked', () => Promise.resolve(layersInPool().some((one) => !before.includes(one) && existsSync(join(pool(), one, 'heavy')))))
    child.kill('SIGINT')
    await eventually('its end', () => Promise.resolve(child.exitCode !== null))
    expect(child.exitCode).not.toBe(0)
    expect(layersInPool().sort()).toEqual(before.sort())
    await expectSound()
    const small = join(scratch, 'small')
    mkdirSync(small)
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=64m,mode=711', 'small', small])
    try {
      const name = freshName('ocil')
      const { code, stderr } = await tlxc('create', '-P', small, '-n', name, '-t', 'oci', '--', `--url=oci:${heavy}`)
      expect(code).not.toBe(0)
      expect(stderr).toContain('it is larger than the free space')
      expect(existsSync(join(small, name))).toBe(false)
      // The base, which had room, is found by the next try.
      expect(readdirSync(join(small, '.pool')).filter((one) => /^[lut]/.test(one))).toHaveLength(1)
    } finally {
      execFileSync('umount', [small])
    }
  })

  test('two creates at once: one unpacks, the other waits and finds', async () => {
    const image = layout('at-once', base, layer('head -c 40M /dev/urandom >large'), layer('echo top >top'))
    const before = layersInPool()
    const names = await Promise.all([made(image), made(image), made(image)])
    expect(layersInPool().filter((one) => !before.includes(one))).toHaveLength(2)
    expect(new Set(names.map((name) => lowersOf(name).join())).size).toBe(1)
    await expectSound()
  })
})

function configOf(name: string): { rootfs: { diff_ids: string[] } } {
  const blobs = join(scratch, name, 'blobs')
  const index = JSON.parse(readFileSync(join(scratch, name, 'index.json'), 'utf8')) as { manifests: { digest: string }[] }
  const manifest = JSON.parse(readFileSync(join(blobs, (index.manifests[0]?.digest ?? '').replace(':', '/')), 'utf8')) as { config: { digest: string } }
  return JSON.parse(readFileSync(join(blobs, manifest.config.digest.replace(':', '/')), 'utf8')) as { rootfs: { diff_ids: string[] } }
}
