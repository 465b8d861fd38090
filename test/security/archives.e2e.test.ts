/** Archives that want to write elsewhere, see what is not theirs, or fill the disk: refused with a reason, and nothing is left. */
import { execFileSync } from 'node:child_process'
import { existsSync, lstatSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { ARCHIVE_FORMAT, type ArchiveManifest } from '../../src/container/archive-manifest.ts'
import { writeArchive } from '../../src/storage/archive.ts'
import { binDir, freshName, must, repoRoot, run, tlxc } from '../helpers/e2e.ts'
import { entry, layer, pax } from '../helpers/tar.ts'

const lxcpath = (): string => join(process.env['TLXC_ROOT'] ?? '', 'var/lib/tlxc')
const pool = (): string => join(lxcpath(), '.pool')
const root = entry({ name: './', type: '5', mode: 0o755 })
const CONFIG = 'lxc.uts.name = evil\nlxc.rootfs.path = dir:/x/evil/rootfs\nlxc.idmap = u 0 100000 65536\nlxc.idmap = g 0 100000 65536\n'

let work = ''
beforeAll(async () => {
  work = mkdtempSync('/var/tmp/tlxc-evil-')
  writeFileSync(join(work, 'precious'), 'precious')
  // So that there is a pool to compare.
  await must('create', 'bystander', '-t', 'busybox')
})
afterAll(async () => {
  await tlxc('destroy', '--purge', 'bystander')
  rmSync(work, { recursive: true, force: true })
})

const manifest = (more: Partial<ArchiveManifest> = {}): ArchiveManifest => ({
  format: ARCHIVE_FORMAT, version: 1, exported: 1_795_643_084_000, container: 'evil', directory: '/x/evil', includes: '/usr/share/tlxc/config',
  snapshot: null, since: null, config: CONFIG, files: [], layers: [{ id: 'laaaaa', identity: 'laaaaa-1', created: 1, by: 'me' }], base: [], ...more,
})

async function archive(tree: Uint8Array, head: object = manifest(), change: (bytes: Buffer) => Buffer = (bytes) => bytes): Promise<string> {
  const pieces: Uint8Array[] = []
  const open = async function* (): AsyncGenerator<Uint8Array> {
    yield tree
  }
  for await (const piece of writeArchive(JSON.stringify(head), 0, [{ id: 'laaaaa', open }])) pieces.push(piece)
  const file = join(work, 'evil.tlxc')
  writeFileSync(file, execFileSync('zstd', ['-qc'], { input: change(Buffer.concat(pieces)), maxBuffer: 1 << 28 }))
  return file
}

/** What it says; then nothing has changed. */
async function refusal(file: string, ...args: string[]): Promise<string> {
  const target = freshName('evil')
  const before = readdirSync(pool()).sort()
  const meta = readdirSync(join(pool(), 'meta')).sort()
  const { code, stderr, stdout } = await tlxc('import', file, target, ...args)
  expect([code, stdout, existsSync(join(lxcpath(), target))]).toEqual([1, '', false])
  expect(readdirSync(pool()).sort()).toEqual(before)
  expect(readdirSync(join(pool(), 'meta')).sort()).toEqual(meta)
  expect([readFileSync(join(work, 'precious'), 'utf8'), lstatSync(join(work, 'precious')).mode & 0o777]).toEqual(['precious', 0o644])
  expect(stderr).not.toMatch(/\n\s+at /)
  return stderr
}

const xattr = (name: string, value: string): Buffer => pax({ [`SCHILY.xattr.${name}`]: value })
const outside = (): string => `${work}/precious`

describe('layers', () => {
  it.each<[string, () => Uint8Array, string]>([
    ['a name with ..', () => layer(root, entry({ name: './../../../../../precious', content: 'x' })), 'leads out of the layer'],
    ['an absolute name', () => layer(root, entry({ name: outside(), content: 'x' })), 'is no path below the root'],
    ['a link and a write through it', () => layer(root, entry({ name: './l', type: '2', linkname: work }), entry({ name: './l/precious', content: 'x' })), 'lies below a symbolic link'],
    ['a link and a file in its place', () => layer(root, entry({ name: './l', type: '2', linkname: outside() }), entry({ name: './l', content: 'x' })), 'is there twice'],
    ['a hard link out', () => layer(root, entry({ name: './l', type: '1', linkname: outside() })), 'is no path below the root'],
    ['a hard link through a link', () => layer(root, entry({ name: './l', type: '2', linkname: work }), entry({ name: './h', type: '1', linkname: './l/precious' })), 'lies below a symbolic link'],
    ['a write through another name of a link', () => layer(root, entry({ name: './l', type: '2', linkname: work }), entry({ name: './h', type: '1', linkname: './l' }), entry({ name: './h/precious', content: 'x' })), 'lies below a symbolic link'],
    ['a directory that becomes a link', () => layer(root, entry({ name: './d/', type: '5' }), entry({ name: './d', type: '2', linkname: work }), entry({ name: './d/precious', content: 'x' })), 'lies below a symbolic link'],
    ['a disk', () => layer(root, entry({ name: './sda', type: '4', major: 8 })), 'is the device b 8:0'],
    ['a redirect out of the layers', () => layer(root, xattr('trusted.overlay.redirect', '/../../etc'), entry({ name: './d/', type: '5' })), 'that leads nowhere'],
    ['a file of metadata only', () => layer(root, xattr('trusted.overlay.metacopy', ''), entry({ name: './f' })), 'that no layer of tlxc has'],
    ['more than the disk holds', () => layer(root, pax({ size: String(2 ** 50) }), entry({ name: './bomb' })), 'larger than the free space'],
    ['content after the end', () => Buffer.concat([layer(root), layer(root)]), 'goes on after its end'],
  ])('%s', async (_, tree, reason) => expect(await refusal(await archive(tree()))).toContain(reason))

  it('many empty files: a bomb for the table of inodes', async () => {
    // 20000 of them in a few kilobytes, on a filesystem that has 1000.
    const image = join(work, 'small.img')
    const mount = join(work, 'small')
    execFileSync('sh', ['-euc', `truncate -s 64M ${image}; mkfs.ext4 -q -N 1000 ${image}; mkdir -p ${mount}; mount -o loop ${image} ${mount}`])
    try {
      const file = await archive(layer(root, ...Array.from({ length: 20_000 }, (_, at) => entry({ name: `./f${at}` }))))
      const { code, stderr } = await tlxc('import', '-P', mount, file, 'evil')
      expect([code, stderr]).toEqual([1, expect.stringMatching(/more files than the filesystem has room for|larger than the free space/)])
      expect(readdirSync(mount).sort()).toEqual(['.pool', 'lost+found'])
      expect(readdirSync(join(mount, '.pool')).filter((name) => name !== 'meta')).toEqual([])
    } finally {
      execFileSync('umount', [mount])
    }
  })

  it('what zstd would blow up to terabytes ends as soon as it is too large', async () => {
    // 300 MB of zeros in one file of an archive of some KB, on a filesystem that has 64 MB.
    const image = join(work, 'tiny.img')
    const mount = join(work, 'tiny')
    execFileSync('sh', ['-euc', `truncate -s 64M ${image}; mkfs.ext4 -q ${image}; mkdir -p ${mount}; mount -o loop ${image} ${mount}`])
    try {
      const file = await archive(layer(root, entry({ name: './zeros', content: Buffer.alloc(300 << 20) })))
      const { code, stderr } = await tlxc('import', '-P', mount, file, 'evil')
      expect([code, stderr]).toEqual([1, expect.stringContaining('larger than the free space')])
      expect(readdirSync(join(mount, '.pool')).filter((name) => name !== 'meta')).toEqual([])
    } finally {
      execFileSync('umount', [mount])
    }
  })
})

describe('even what the reader let through', () => {
  it('cannot be written elsewhere: the kernel refuses it', async () => {
    const place = join(work, 'place')
    execFileSync('mkdir', ['-p', place])
    const tree = layer(entry({ name: './l', type: '2', linkname: work }), entry({ name: './l/precious', content: 'overwritten' }), entry({ name: '../../precious', content: 'overwritten' }))
    writeFileSync(join(work, 'tree.tar'), tree)
    const confine = join(repoRoot, 'build/prefix/libexec/tlxc/confine')
    // All of GNU tar's own caution off.
    const { code, stderr } = await run(confine, [place, 'tar', '-xf', join(work, 'tree.tar'), '-P', '--keep-directory-symlink'])
    expect(code).toBe(2)
    expect(stderr).toMatch(/Too many levels of symbolic links|Read-only file system/)
    expect(readFileSync(join(work, 'precious'), 'utf8')).toBe('precious')
  })
})

describe('manifests', () => {
  const tree = layer(root, entry({ name: './bin/', type: '5' }))

  it.each<[string, Partial<Record<keyof ArchiveManifest, unknown>>, string]>([
    ['another format', { version: 2 }, 'its format is version 2'],
    ['a layer named as a path', { layers: [{ id: '../../x', identity: 'a', created: 1, by: '' }] }, 'its manifest is damaged (layers.id)'],
    ['a file named as a path', { files: [{ name: '../../etc/cron.d/x', mode: 0o644, data: '' }] }, 'its manifest is damaged (files.name)'],
    ['a file in place of the configuration', { files: [{ name: 'storage.json', mode: 0o644, data: '' }] }, 'its manifest is damaged (files.name)'],
    ['a snapshot named as a path', { snapshot: { name: '../x', created: 1, comment: null, frozen_us: null } }, 'impossible name'],
    ['a base without --since', { base: [{ identity: 'a' }] }, 'its manifest is damaged (base)'],
    ['no layers', { layers: [] }, 'its manifest is damaged (base)'],
    ['layers twice', { layers: [1, 2].map(() => ({ id: 'laaaaa', identity: 'a', created: 1, by: '' })) }, 'its manifest is damaged (layers)'],
  ])('%s', async (_, more, reason) => expect(await refusal(await archive(tree, { ...manifest(), ...more }))).toContain(reason))

  it('a container named as a path', async () => {
    const { code, stderr } = await run(join(binDir, 'tlxc-import'), [await archive(tree, manifest({ container: '../evil' }))])
    expect([code, stderr]).toEqual([1, expect.stringContaining('cannot use "../evil" as a container name')])
  })

  it.each([
    ['a hook', 'lxc.hook.pre-start = /bin/sh -c "id > /tmp/owned"', 'runs a program on this machine, as root'],
    ['a mount', 'lxc.mount.entry = /etc etc none bind 0 0', 'may show files of this machine'],
    ['a mount that only looks virtual', 'lxc.mount.entry = / mnt proc bind,idmap=container,create=dir 0 0', 'may show files of this machine'],
    ['an include', 'lxc.include = /tmp/x', 'reads a file that is not one of tlxc'],
    ['an include beside the shipped ones', 'lxc.include = /usr/share/tlxc/config/../../../../tmp/x', 'reads a file that is not one of tlxc'],
    ['all devices', 'lxc.cgroup2.devices.allow = a', 'reaches beyond the container'],
    ['a log anywhere', 'lxc.console.logfile = /etc/cron.d/x', 'reaches beyond the container'],
    ['no AppArmor', 'lxc.apparmor.profile = unconfined', 'is not the one that tlxc makes'],
    ['capabilities back', 'lxc.cap.drop =', 'takes back what the common configuration sets'],
    ['the network of the host', 'lxc.net.0.type = none', 'takes a network of this machine'],
    ['other ids', 'lxc.idmap = u 65536 0 1', 'maps ids in a way of its own'],
  ])('a configuration with %s', async (_, line, reason) => {
    expect(await refusal(await archive(tree, manifest({ config: `${CONFIG}${line}\n` })))).toContain(reason)
  })

  it('a privileged container, a program, a comment for terminals', async () => {
    expect(await refusal(await archive(tree, manifest({ config: 'lxc.uts.name = evil\n' })))).toContain('root inside would be root of this machine')
    expect(await refusal(await archive(tree, manifest({ files: [{ name: 'hook', mode: 0o755, data: '' }] })))).toContain('is a program')
    const snapshot = { name: 's', created: 1, comment: '\u001b]0;x\u0007', frozen_us: null }
    expect(await refusal(await archive(tree, manifest({ snapshot })))).toContain('has control characters')
  })

  it('without a root file system it has its own all the same, not that of this machine', async () => {
    const target = freshName('rootless')
    await must('import', await archive(tree, manifest({ config: CONFIG.replace(/^lxc\.rootfs.*\n/m, '') })), target)
    expect(readFileSync(join(lxcpath(), target, 'config'), 'utf8')).toContain(`lxc.rootfs.path = dir:${join(lxcpath(), target, 'rootfs')}\n`)
    await must('destroy', '--purge', target)
  })

  it('comes in when it is trusted', async () => {
    const target = freshName('trusted')
    const file = await archive(layer(root, entry({ name: './sda', type: '4', major: 8 })), manifest({ config: `${CONFIG}lxc.hook.pre-start = /bin/true\n` }))
    await must('import', file, target, '--trust')
    expect(lstatSync(join(lxcpath(), target, 'rootfs/sda')).isBlockDevice()).toBe(true)
    await must('destroy', '--purge', target)
  })
})
