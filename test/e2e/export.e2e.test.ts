/** tlxc-export and tlxc-import: what goes out comes in again, whole, incrementally, and over a pipe. */
import { execFileSync, spawn } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { appendFileSync, existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { binDir, freshName, must, run, tlxc } from '../helpers/e2e.ts'
import { makeImage, mountImage } from '../helpers/loop-fs.ts'
import { problemsOf } from '../helpers/json-schema.ts'

const lxcpath = (): string => join(process.env['TLXC_ROOT'] ?? '', 'var/lib/tlxc')
const rootfs = (name: string): string => join(lxcpath(), name, 'rootfs')
const poolNames = (): string[] => readdirSync(join(lxcpath(), '.pool')).filter((name) => /^[lut]/.test(name)).sort()
const sh = (script: string, cwd: string): string => execFileSync('sh', ['-euc', script], { cwd, encoding: 'utf8', maxBuffer: 1 << 28 })

/** Everything that a root file system is, as text: attributes, extended ones, contents. */
function fingerprint(directory: string): string {
  return sh(
    `find . -printf '%p %y %#m %U %G %T@ %l\\n' | LC_ALL=C sort
     find . ! -type d -printf '%p %s %n\\n' | LC_ALL=C sort
     find . -type c -o -type b | LC_ALL=C sort | xargs -r stat -c '%n %t:%T'
     getfattr -R -P -h -d -m '^(user|security|trusted|system)' -e hex . | sed '/^$/d'
     find . -type f -print0 | LC_ALL=C sort -z | xargs -0 sha256sum`,
    directory,
  )
}

let work = ''
let elsewhere = ''
const made: string[] = []
const name = (prefix: string): string => {
  const fresh = freshName(prefix)
  made.push(fresh)
  return fresh
}

beforeAll(() => {
  work = mkdtempSync('/var/tmp/tlxc-export-')
  elsewhere = join(work, 'elsewhere')
})
afterAll(async () => {
  for (const one of made) await tlxc('destroy', '-f', '-s', '--purge', one)
  rmSync(work, { recursive: true, force: true })
})

/** What tars and copies lose most readily. */
function fillWithOddities(directory: string): void {
  sh(
    `mkdir odd; cd odd
     printf x > plain; chown 100000:3000000000 plain; touch -d '2001-02-03 04:05:06.789' plain
     printf cap > capable; chmod 4755 capable; setfattr -n security.capability -v 0x0100000200200000000000000000000000000000 capable
     printf acl > listed; setfacl -m u:1:rwx,u:70000:r listed; mkdir default; setfacl -d -m g:70001:rx default
     setfattr -n user.note -v 'two
lines' plain; setfattr -n trusted.mine -v 0x000a3d plain
     ln plain second; ln -s ../../../../etc/passwd link; ln -s /nowhere/at/all dangling
     mknod null c 1 3; mkfifo pipe; chmod 666 null
     truncate -s 200M sparse; printf end | dd of=sparse bs=1 seek=150000000 conv=notrunc 2>/dev/null
     touch -- "$(printf 'new\\nline \\377')" '-rf' ' '
     mkdir -p $(printf 'deep%.0s/' $(seq 60)); touch $(printf 'deep%.0s/' $(seq 60))bottom
     mkdir closed; chmod 2711 closed; touch closed/in`,
    directory,
  )
}

describe('a container', () => {
  it('comes out as it went in, whatever is in it', async () => {
    const one = name('out')
    await must('create', one, '-t', 'busybox')
    fillWithOddities(rootfs(one))
    // In the layer below: so the upper has whiteouts, an opaque directory and a redirect.
    await must('snapshot', '-n', one)
    sh('rm -r odd/closed bin/sh; rm -r odd/default; mkdir odd/default; touch odd/default/new; mv etc was-etc; printf more >> odd/plain', rootfs(one))
    const file = join(work, 'odd.tlxc')
    const told = await must('export', one, file, '--json')
    expect(problemsOf(told)).toEqual([])
    expect(statSync(file).mode & 0o777).toBe(0o600)
    // 200 MB of holes.
    expect(statSync(file).size).toBeLessThan(4 << 20)
    // Elsewhere under its own name: under another one it would get a host name of its own.
    const imported = await must('import', '-P', elsewhere, file, '--json')
    expect(problemsOf(imported)).toEqual([])
    const two = join(elsewhere, one, 'rootfs')
    expect(fingerprint(two)).toBe(fingerprint(rootfs(one)))
    expect(fingerprint(two)).toContain('security.capability=0x01')
    expect(existsSync(join(two, 'etc'))).toBe(false)
    expect(existsSync(join(two, 'was-etc/passwd'))).toBe(true)
    expect(Number(sh('stat -c %b odd/sparse', two))).toBeLessThan(64)
    await must('destroy', '-P', elsewhere, '--purge', one)
  })

  it('starts where it is imported, with ids, name and address of its own', async () => {
    const [one, two] = [name('first'), name('second')]
    await must('create', one, '-t', 'busybox')
    await must('export', one, join(work, 'start.tlxc'))
    await must('import', join(work, 'start.tlxc'), two)
    const config = (of: string, key: string): string => (new RegExp(`^${key} = (.*)$`, 'm').exec(readFileSync(join(lxcpath(), of, 'config'), 'utf8')) ?? [])[1] ?? ''
    expect(config(two, 'lxc.uts.name')).toBe(two)
    if (existsSync(join(rootfs(one), 'etc/hostname'))) expect(readFileSync(join(rootfs(two), 'etc/hostname'), 'utf8')).toBe(`${two}\n`)
    expect(config(two, 'lxc.rootfs.path')).toBe(`dir:${rootfs(two)}`)
    for (const key of ['lxc.idmap', 'lxc.net.0.hwaddr']) {
      expect(config(two, key)).not.toBe('')
      expect(config(two, key)).not.toBe(config(one, key))
    }
    // Without the bridge: another test's affair.
    appendFileSync(join(lxcpath(), two, 'config'), 'lxc.net.0.type = empty\n')
    await must('start', two)
    expect((await must('attach', two, '--', 'hostname')).trim()).toBe(two)
    await must('stop', '-k', two)
  })

  it('goes through a pipe as a snapshot, while the container runs', async () => {
    const [one, two] = [name('piped'), name('copy')]
    await must('create', one, '-t', 'busybox')
    appendFileSync(join(lxcpath(), one, 'config'), 'lxc.net.0.type = empty\n')
    await must('start', one)
    const refused = await tlxc('export', one, join(work, 'running.tlxc'))
    expect(refused.stderr).toContain('it is running')
    expect(existsSync(join(work, 'running.tlxc'))).toBe(false)
    await must('attach', one, '--', 'sh', '-c', 'echo here > /root/file')
    await must('snapshot', '-n', one, '-n', 'live', '-m', 'while it runs')
    await must('attach', one, '--', 'sh', '-c', 'echo later > /root/file')
    const piped = await run('sh', ['-c', `${binDir}/tlxc-export ${one} live - | ${binDir}/tlxc-import - ${two}`])
    expect([piped.code, piped.stderr]).toEqual([0, ''])
    await must('stop', '-k', one)
    expect(readFileSync(join(rootfs(two), 'root/file'), 'utf8')).toBe('here\n')
    expect(await must('snapshot', '-n', two, '-L', '-C')).toMatch(/^live \(.*\) \d{4}:\d\d:\d\d \d\d:\d\d:\d\d\nwhile it runs/)
  })

  it('of a plain directory becomes one of layers', async () => {
    const one = name('plain')
    await must('create', one, '-t', 'busybox', '-B', 'dir')
    await must('export', one, join(work, 'plain.tlxc'))
    await must('import', '-P', elsewhere, join(work, 'plain.tlxc'))
    expect(fingerprint(join(elsewhere, one, 'rootfs'))).toBe(fingerprint(rootfs(one)))
    await must('snapshot', '-P', elsewhere, '-n', one)
    await must('destroy', '-P', elsewhere, '-s', '--purge', one)
  })
})

describe('an increment', () => {
  it('brings a copy up to date, again and again, and can be undone', async () => {
    const [one, two] = [name('source'), name('mirror')]
    await must('create', one, '-t', 'busybox')
    await must('snapshot', '-n', one, '-n', 'd0')
    await must('export', one, 'd0', join(work, 'd0.tlxc'))
    await must('import', join(work, 'd0.tlxc'), two)
    for (const day of [1, 2, 3]) {
      writeFileSync(join(rootfs(one), `day${day}`), randomText(200_000))
      sh(`rm -f day${day - 1}; mkdir -p kept/${day}`, rootfs(one))
      await must('snapshot', '-n', one, '-n', `d${day}`)
      const file = join(work, `d${day}.tlxc`)
      await must('export', one, `d${day}`, file, '--since', `d${day - 1}`)
      // Some 200 KB that do not compress, not the root file system of 2 MB.
      expect(statSync(file).size).toBeLessThan(400_000)
      await must('import', file, two)
      expect(fingerprint(rootfs(two))).toBe(fingerprint(rootfs(one)))
    }
    expect((await must('snapshot', '-n', two, '-L')).split('\n').map((line) => line.split(' ')[0])).toEqual(['d0', 'd1', 'd2', 'd3', ''])
    await must('snapshot', '-n', two, '--undo')
    expect([existsSync(join(rootfs(two), 'day2')), existsSync(join(rootfs(two), 'day3'))]).toEqual([true, false])
    await must('snapshot', '-n', two, '-r', 'd3')
    expect(fingerprint(rootfs(two))).toBe(fingerprint(rootfs(one)))
  })

  it('needs the base, in that container itself, and says what is missing', async () => {
    const [one, whole, late, stranger] = [name('src'), name('whole'), name('late'), name('stranger')]
    await must('create', one, '-t', 'busybox')
    for (const snap of ['a', 'b', 'c']) {
      writeFileSync(join(rootfs(one), snap), snap)
      await must('snapshot', '-n', one, '-n', snap)
    }
    await must('export', one, 'a', join(work, 'a.tlxc'))
    await must('export', one, 'c', '--since', 'b', join(work, 'bc.tlxc'))
    await must('import', join(work, 'a.tlxc'), late)
    const before = poolNames()
    const refusedLate = await tlxc('import', join(work, 'bc.tlxc'), late)
    expect(refusedLate.stderr).toMatch(/has only what came after snapshot "b", and it lacks the layer l[a-z0-9]{5}-\d+\n.*import a whole archive first/)
    // The layers are in this very pool, but they are not the stranger's: an archive must not show it another container's files.
    await must('create', stranger, '-t', 'busybox')
    const withStranger = poolNames()
    const refusedStranger = await tlxc('import', join(work, 'bc.tlxc'), stranger)
    expect(refusedStranger.stderr).toContain('it lacks the layers')
    expect((await tlxc('import', join(work, 'bc.tlxc'), 'nobody')).stderr).toContain("nobody doesn't exist")
    expect(poolNames()).toEqual(withStranger)
    expect(before.every((entry) => withStranger.includes(entry))).toBe(true)
    await must('export', one, 'b', '--since', 'a', join(work, 'ab.tlxc'))
    await must('import', join(work, 'ab.tlxc'), late)
    await must('import', join(work, 'bc.tlxc'), late)
    expect(fingerprint(rootfs(late))).toBe(fingerprint(rootfs(one)))
    expect((await tlxc('import', join(work, 'bc.tlxc'), late)).stderr).toContain('it exists')
    // A clone of the source has its layers: it may be brought up to date.
    await must('import', join(work, 'a.tlxc'), whole)
    expect((await tlxc('import', join(work, 'a.tlxc'), whole)).stderr).toContain('Container already exists')
  })

  it('tells when there is nothing in common', async () => {
    const one = name('lone')
    await must('create', one, '-t', 'busybox', '-B', 'dir')
    await must('snapshot', '-n', one)
    expect((await tlxc('export', one, join(work, 'x.tlxc'), '--since', 'snap0')).stderr).toContain('its storage has no layers')
    expect((await tlxc('export', one, 'none', join(work, 'x.tlxc'))).stderr).toContain('there are: snap0')
  })
})

describe('an archive that is not whole', () => {
  let archive = ''
  let plainBytes = Buffer.alloc(0)
  beforeAll(async () => {
    const one = name('victim')
    await must('create', one, '-t', 'busybox')
    archive = join(work, 'victim.tlxc')
    await must('export', one, archive)
    plainBytes = execFileSync('zstd', ['-dc', archive], { maxBuffer: 1 << 28 })
  })

  /** Imports bytes; what it says, when nothing is left behind. */
  async function refusal(bytes: Buffer): Promise<string> {
    const before = poolNames()
    const target = freshName('never')
    const file = join(work, 'bad.tlxc')
    writeFileSync(file, bytes)
    const { code, stderr } = await tlxc('import', file, target)
    expect([code, existsSync(join(lxcpath(), target))]).toEqual([1, false])
    expect(poolNames()).toEqual(before)
    expect(stderr).not.toMatch(/\n\s+at /)
    return stderr
  }
  const pack = (bytes: Buffer): Buffer => execFileSync('zstd', ['-qc'], { input: bytes, maxBuffer: 1 << 28 })

  it.each([0.02, 0.3, 0.7, 0.99])('cut off after %d of it', async (part) => {
    const whole = readFileSync(archive)
    expect(await refusal(whole.subarray(0, Math.floor(whole.length * part)))).toMatch(/cannot import ".*bad.tlxc": it (ends too early|cannot be decompressed)/)
    expect(await refusal(pack(plainBytes.subarray(0, Math.floor(plainBytes.length * part))))).toContain('ends too early')
  })

  it('with one wrong bit', async () => {
    const at = plainBytes.indexOf('BusyBox')
    expect(at).toBeGreaterThan(0)
    const bytes = Buffer.from(plainBytes)
    bytes[at] = (bytes[at] ?? 0) ^ 1
    expect(await refusal(pack(bytes))).toMatch(/its checksums are wrong: layers\/l[a-z0-9]{5} is damaged/)
    const compressed = readFileSync(archive)
    compressed[compressed.length >> 1] = (compressed[compressed.length >> 1] ?? 0) ^ 1
    // zstd's own checksum comes at the end; what is wrong may be seen before.
    expect(await refusal(compressed)).toContain('cannot import')
  })

  it('no archive at all', async () => {
    expect(await refusal(Buffer.from('hello'))).toContain('cannot be decompressed')
    expect(await refusal(pack(Buffer.from('hello')))).toContain('it ends too early')
    expect(await refusal(pack(execFileSync('tar', ['c', '/etc/passwd'])))).toContain('is no')
    expect((await tlxc('import', join(work, 'not-there'))).stderr).toContain('cannot read')
  })

  it('whose import is killed leaves nothing that stays', async () => {
    const target = name('killed')
    const before = poolNames()
    const child = spawn(join(binDir, 'tlxc-import'), ['-', target], { stdio: ['pipe', 'ignore', 'ignore'] })
    const whole = readFileSync(archive)
    child.stdin.write(whole.subarray(0, Math.floor(whole.length * 0.8)))
    await new Promise((resolve) => setTimeout(resolve, 600))
    expect(poolNames().length).toBeGreaterThan(before.length)
    child.kill('SIGKILL')
    await new Promise((resolve) => child.once('close', resolve))
    // The next one takes the name, and collection what the dead one was making.
    await must('import', archive, target)
    await must('snapshot', '-n', target)
    await must('snapshot', '-n', target, '-d', 'snap0')
    expect(poolNames().filter((entry) => entry.startsWith('t'))).toEqual([])
  })
})

it('comes off a disk that is read-only, as one is after an error; and where it does not fit, room is the mend', async () => {
  const image = join(work, 'disk.img')
  const disk = join(work, 'disk')
  mkdirSync(disk)
  makeImage(image, 'ext4', 32)
  mountImage(image, disk, 'ext4')
  const [one, two, big] = [name('disk'), name('off'), name('big')]
  try {
    await must('create', '-P', disk, '-n', one, '-t', 'busybox')
    writeFileSync(join(disk, one, 'rootfs/here'), 'it is')
    await must('snapshot', '-P', disk, one)
    await must('create', '-n', big, '-t', 'busybox')
    writeFileSync(join(lxcpath(), big, 'rootfs/big'), Buffer.alloc(40 << 20, 1))
    await must('export', big, join(work, 'big'))
    const { code, stderr } = await tlxc('import', '-P', disk, join(work, 'big'))
    expect([code, stderr]).toEqual([1, expect.stringMatching(/it is larger than the free space\n.*hint: make room /)])
    execFileSync('umount', [join(disk, one, 'rootfs')])
    execFileSync('mount', ['-o', 'remount,ro', disk])
    await must('export', '-P', disk, one, 'snap0', join(work, 'off'))
    await must('import', join(work, 'off'), two)
    expect(readFileSync(join(lxcpath(), two, 'rootfs/here'), 'utf8')).toBe('it is')
  } finally {
    execFileSync('umount', ['-R', disk])
  }
})

it('an export leaves no file when it fails, and replaces one only when told', async () => {
  const one = name('file')
  await must('create', one, '-t', 'busybox')
  const folder = join(work, 'folder')
  mkdirSync(folder)
  writeFileSync(join(folder, 'there'), 'old')
  expect((await tlxc('export', one, join(folder, 'there'))).stderr).toContain('it exists')
  await must('export', one, join(folder, 'there'), '--force')
  expect(readFileSync(join(folder, 'there')).subarray(0, 4).toString('hex')).toBe('28b52ffd')
  symlinkSync('/dev/full', join(folder, 'full'))
  const full = await run('sh', ['-c', `${binDir}/tlxc-export ${one} - > ${join(folder, 'full')}`])
  expect([full.code, full.stderr]).toEqual([1, expect.stringContaining('no space left')])
  expect((await run('sh', ['-c', `${binDir}/tlxc-export ${one} - | true; exit 0`])).code).toBe(0)
  // What is no file stays what it is, also when it may be replaced.
  execFileSync('mkfifo', [join(folder, 'pipe')])
  mkdirSync(join(folder, 'sub'))
  for (const path of ['pipe', 'sub', 'full']) expect(await tlxc('export', '-f', one, join(folder, path))).toMatchObject({ code: 1, stderr: expect.stringContaining('it is there, and no file') })
  expect([statSync(join(folder, 'pipe')).isFIFO(), statSync(join(folder, 'full')).isCharacterDevice()]).toEqual([true, true])
  for (const path of ['pipe', 'sub']) rmSync(join(folder, path), { recursive: true })
  expect((await tlxc('export', one, '/nowhere/x')).stderr).toContain('cannot write "/nowhere/x"')
  expect(readdirSync(folder).sort()).toEqual(['full', 'there'])
})

function randomText(length: number): string {
  return randomBytes(length / 2).toString('hex')
}
