/** templates/lib/accounts.sh and customise.sh: users, passwords, keys and names, without running anything of the container. */
import { execFileSync } from 'node:child_process'
import {
  existsSync, lchownSync, lstatSync, mkdirSync, readFileSync, readdirSync, readlinkSync, renameSync, rmSync, statSync, symlinkSync, writeFileSync,
} from 'node:fs'
import { dirname, join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { libraryBench, type LibraryBench } from '../../../helpers/template-library.ts'

const root = process.getuid?.() === 0
let bench: LibraryBench
let key = ''
beforeEach(() => {
  bench = libraryBench()
  bench.put('etc/passwd', 'root:x:0:0:root:/root:/bin/bash\nold:x:1000:1000::/home/old:/bin/sh\n')
  bench.put('etc/group', 'root:x:0:\nold:x:1000:\n')
  bench.put('etc/shadow', 'root:*:19000:0:99999:7:::\nold:*:19000:0:99999:7:::\n', 0o600)
  bench.put('etc/skel/.profile', 'skel\n')
  bench.put('bin/bash', '', 0o755)
  key = join(bench.directory, 'id.pub')
  writeFileSync(key, 'ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJdD me@host\n')
})
afterEach(() => bench.remove())

const mode = (path: string): number => statSync(join(bench.rootfs, path)).mode & 0o777
const shadow = (user: string): string => new RegExp(`^${user}:([^:]*):`, 'm').exec(bench.text('etc/shadow'))?.[1] ?? ''

describe.runIf(root)('accounts', () => {
  test('set_password: a hash that the password has', async () => {
    await bench.ok("set_password root 'pa ss$1\"'")
    const [, , salt = ''] = shadow('root').split('$')
    expect(execFileSync('openssl', ['passwd', '-6', '-salt', salt, 'pa ss$1"'], { encoding: 'utf8' }).trim()).toBe(shadow('root'))
    expect(mode('etc/shadow')).toBe(0o600)
    expect(shadow('old')).toBe('*')
  })

  test('an image without shadow gets one', async () => {
    await bench.ok('remove etc/shadow; edit etc/passwd 644 sed s/root:x:/root:hash:/; set_password root p; lock_password old')
    expect(bench.text('etc/passwd')).toMatch(/^root:x:0:/)
    expect(shadow('root')).toMatch(/^\$6\$/)
    expect(shadow('old')).toBe('*')
  })

  test('add_user: the next free id, a home from skel, locked, once', async () => {
    await bench.ok('add_user ann; add_user ann')
    expect(bench.text('etc/passwd').match(/^ann:.*$/gm)).toEqual(['ann:x:1001:1001::/home/ann:/bin/bash'])
    expect(bench.text('etc/group')).toContain('ann:x:1001:\n')
    expect(shadow('ann')).toBe('!')
    expect(bench.text('home/ann/.profile')).toBe('skel\n')
    expect(statSync(join(bench.rootfs, 'home/ann/.profile')).uid).toBe(1001)
    expect(mode('home/ann')).toBe(0o700)
  })

  test('add_user: not through a link of the image', async () => {
    const outside = join(bench.directory, 'outside')
    writeFileSync(outside, 'precious')
    bench.put('home/ann/.cache', '')
    rmSync(join(bench.rootfs, 'etc/group'))
    for (const path of ['etc/group', 'etc/gshadow', 'home/ann/.profile']) symlinkSync(outside, join(bench.rootfs, path))
    await bench.ok('add_user ann')
    expect(readFileSync(outside, 'utf8')).toBe('precious')
    expect(bench.text('etc/group')).toBe('ann:x:1001:\n')
    expect(bench.text('home/ann/.profile')).toBe('skel\n')
  })

  test.each(['add_user ann', 'set_password root p', 'lock_password root'])('%s: a shadow that is a link of the image is none, and what it leads to keeps its owner', async (line) => {
    const outside = join(bench.directory, 'outside')
    writeFileSync(outside, 'precious', { mode: 0o600 })
    rmSync(join(bench.rootfs, 'etc/shadow'))
    symlinkSync(outside, join(bench.rootfs, 'etc/shadow'))
    lchownSync(join(bench.rootfs, 'etc/shadow'), 1000, 1000)
    await bench.ok(line)
    expect([statSync(outside).uid, statSync(outside).gid, readFileSync(outside, 'utf8')]).toEqual([0, 0, 'precious'])
    expect(lstatSync(join(bench.rootfs, 'etc/shadow'))).toMatchObject({ uid: 0, gid: 0 })
    expect(mode('etc/shadow')).toBe(0o640)
    expect(shadow(line.split(' ')[1] ?? '')).not.toBe('')
  })

  test('add_user: no skel from outside of the image', async () => {
    mkdirSync(join(bench.directory, 'outside/skel'), { recursive: true })
    writeFileSync(join(bench.directory, 'outside/skel/secret'), '')
    renameSync(join(bench.rootfs, 'etc'), join(bench.rootfs, 'usr'))
    symlinkSync(join(bench.directory, 'outside'), join(bench.rootfs, 'etc'))
    // As the container sees that name, it is in the container.
    mkdirSync(dirname(join(bench.rootfs, bench.directory, 'outside')), { recursive: true })
    renameSync(join(bench.rootfs, 'usr'), join(bench.rootfs, bench.directory, 'outside'))
    await bench.ok('add_user ann')
    expect(readdirSync(join(bench.rootfs, 'home/ann'))).toEqual(['.profile'])
  })

  test('authorize_key: for the user alone, and not through a link of the image', async () => {
    const outside = join(bench.directory, 'outside')
    writeFileSync(outside, 'precious')
    await bench.ok(`add_user ann; authorize_key ann ${key}`)
    expect(bench.text('home/ann/.ssh/authorized_keys')).toContain('ssh-ed25519')
    expect([mode('home/ann/.ssh'), mode('home/ann/.ssh/authorized_keys')]).toEqual([0o700, 0o600])
    expect(statSync(join(bench.rootfs, 'home/ann/.ssh/authorized_keys')).uid).toBe(1001)
    await bench.ok(`remove home/ann/.ssh/authorized_keys; ln -s ${outside} ${bench.rootfs}/home/ann/.ssh/authorized_keys; authorize_key ann ${key}`)
    expect(readFileSync(outside, 'utf8')).toBe('precious')
    expect(lstatSync(join(bench.rootfs, 'home/ann/.ssh/authorized_keys')).isFile()).toBe(true)
  })
})

describe.runIf(root)('customise', () => {
  /** As a template does it with these options. */
  const customise = (...options: string[]): ReturnType<LibraryBench['sh']> =>
    bench.sh(`takes_value() { customise_takes_value "$1"; }
set -- ${options.map((option) => `'${option}'`).join(' ')}
while [ $# -gt 0 ]; do next_option "$@"; customise_option "$option" "$value" || die "unknown $1"; shift "$shift_by"; done
check_customise; customise`)

  test('the host name: the container\'s, or another; names of the image stay', async () => {
    bench.put('etc/hosts', '127.0.0.1 localhost\n127.0.1.1 builder\n10.0.0.1 db\n')
    expect((await customise()).stderr).toBe('')
    expect(bench.text('etc/hostname')).toBe('c1\n')
    expect(bench.text('etc/hosts')).toBe('127.0.0.1 localhost\n127.0.1.1 c1\n10.0.0.1 db\n')
    await customise('--hostname=web.example.org')
    expect(bench.text('etc/hosts')).toContain('127.0.1.1 web.example.org web\n')
    expect((await customise('--hostname=a b')).stderr).toContain('is no host name')
  })

  test('what makes a machine itself is taken out', async () => {
    bench.put('etc/machine-id', '0123456789abcdef0123456789abcdef\n')
    for (const file of ['var/lib/dbus/machine-id', 'etc/ssh/ssh_host_rsa_key', 'etc/ssh/ssh_host_ed25519_key.pub']) bench.put(file, 'x')
    await customise()
    expect(bench.text('etc/machine-id')).toBe('')
    for (const file of ['var/lib/dbus/machine-id', 'etc/ssh/ssh_host_rsa_key', 'etc/ssh/ssh_host_ed25519_key.pub']) {
      expect(existsSync(join(bench.rootfs, file))).toBe(false)
    }
  })

  test('the time zone, where the system has it', async () => {
    bench.put('usr/share/zoneinfo/Europe/Berlin', 'TZif')
    bench.put('etc/timezone', 'Etc/UTC\n')
    expect((await customise('--timezone', 'Europe/Berlin')).code).toBe(0)
    expect(readlinkSync(join(bench.rootfs, 'etc/localtime'))).toBe('../usr/share/zoneinfo/Europe/Berlin')
    expect(bench.text('etc/timezone')).toBe('Europe/Berlin\n')
    expect((await customise('--timezone=Mars/Olympus')).stderr).toContain('--packages tzdata')
    expect((await customise('--timezone=../../../etc/shadow')).stderr).toContain('no name of a time zone')
  })

  test('--user, --ssh-key, --user-password, --root-ssh-key, --root-password together', async () => {
    const said = await customise('--user=ann', `--ssh-key=${key}`, '--user-password=x', `--root-ssh-key=${key}`, '--root-password=y')
    expect(said.stderr).toBe('')
    expect(shadow('ann')).toMatch(/^\$6\$/)
    expect(shadow('root')).toMatch(/^\$6\$/)
    expect(existsSync(join(bench.rootfs, 'root/.ssh/authorized_keys'))).toBe(true)
  })

  test.each([
    [['--ssh-key=KEY'], 'give --user=NAME'],
    [['--user=root'], '--root-ssh-key'],
    [['--user=Ann'], 'is no name for a user'],
    [['--root-ssh-key=/nonexistent'], 'there is no SSH key file'],
    [['--root-ssh-key=SECRET'], 'is a private key'],
    [['--packages=-o,x'], 'is no list of packages'],
    [['--cloud-init=KEY'], 'is no user data of cloud-init'],
  ])('%j is refused before anything is done', async (options, why) => {
    const secret = join(bench.directory, 'id')
    writeFileSync(secret, '-----BEGIN OPENSSH PRIVATE KEY-----\n')
    const said = await customise(...options.map((option) => option.replace('KEY', key).replace('SECRET', secret)))
    expect(said.code).toBe(1)
    expect(said.stderr).toContain(why)
    expect(existsSync(join(bench.rootfs, 'etc/hostname'))).toBe(false)
  })

  test('--cloud-init: a NoCloud seed where there is cloud-init, an error where not', async () => {
    const data = join(bench.directory, 'user-data')
    writeFileSync(data, '#cloud-config\nruncmd: [true]\n')
    expect((await customise(`--cloud-init=${data}`)).stderr).toContain('has no cloud-init')
    bench.put('usr/bin/cloud-init', '', 0o755)
    symlinkSync('/nonexistent', join(bench.rootfs, 'var'))
    expect((await customise(`--cloud-init=${data}`)).code).toBe(0)
    expect(bench.text('nonexistent/lib/cloud/seed/nocloud-net/user-data')).toBe('#cloud-config\nruncmd: [true]\n')
    expect(bench.text('nonexistent/lib/cloud/seed/nocloud-net/meta-data')).toMatch(/^instance-id: tlxc-c1-[0-9a-f]{8}\nlocal-hostname: c1\n$/)
  })
})
