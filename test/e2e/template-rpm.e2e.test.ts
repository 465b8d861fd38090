/**
 * The RPM family, by the real dnf and zypper of this machine from a real, signed repository on loopback, as a site mirror shows it. Packages hold
 * Debian's systemd and programs (test/fixtures/rpm); the templates know nothing of that.
 */
import { execFileSync, spawn } from 'node:child_process'
import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync, realpathSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { binDir, eventually, freshName, leavesNothing, must, repoRoot, run, tlxc, type Result } from '../helpers/e2e.ts'
import { PtyProcess } from '../helpers/pty.ts'
import { siteMirror, type SiteMirror } from '../helpers/site-mirror.ts'

const root = process.env['TLXC_ROOT'] ?? ''
const cache = join(root, 'var/cache/tlxc')
const scratch = join(root, 'rpm')
const families = { centos: freshName('c7'), rocky: freshName('rocky'), fedora: freshName('fedora'), opensuse: freshName('suse') }
const second = freshName('c7b')
const arch = process.arch === 'arm64' ? 'aarch64' : 'x86_64'
/** On a machine with cgroup v2 alone the template refuses CentOS 7, and rightly. */
const cgroupV2 = execFileSync('stat', ['-f', '-c', '%T', '/sys/fs/cgroup'], { encoding: 'utf8' }).trim() === 'cgroup2fs'
const centos = cgroupV2 ? ['--release', '8-stream'] : []
let site: SiteMirror

const rootfs = (name: string): string => join(root, 'var/lib/tlxc', name, 'rootfs')
const file = (name: string, path: string): string => readFileSync(join(rootfs(name), path), 'utf8')
const create = (name: string, template: string, args: readonly string[], env: Record<string, string> = {}): Promise<Result> =>
  run(join(binDir, 'tlxc-create'), ['-q', '-n', name, '-t', template, '--', ...args], { env })

/** The command with mounts of its own around it. */
const within = (mounts: string, name: string, template: string, args: readonly string[]): Promise<Result> =>
  run('unshare', ['--mount', 'sh', '-euc', `${mounts}; exec "$@"`, 'sh', join(binDir, 'tlxc-create'), '-n', name, '-t', template, '--', ...args])

beforeAll(async () => {
  site = await siteMirror()
  mkdirSync(join(scratch, 'etc/pki/rpm-gpg'), { recursive: true })
  cpSync(site.key, join(scratch, 'etc/pki/rpm-gpg/RPM-GPG-KEY-Rocky-9'))
  const repo = `[everything]\nname=Ours\nbaseurl=${site.url}/fedora/releases/$releasever/Everything/$basearch/os/\n`
  writeFileSync(join(scratch, 'ours.repo'), repo)
  writeFileSync(join(scratch, 'careless.repo'), `${repo}gpgcheck=0\n`)
  for (const key of ['key', 'wrong'] as const) {
    const file = `file://${key === 'key' ? site.key : site.wrongKey}`
    writeFileSync(join(scratch, `${key}.repo`), `[oss]\nname=oss\nbaseurl=${site.url}/opensuse/distribution/leap/15.6/repo/oss/\ngpgkey=${file}\n`)
  }
  await createAll()
})
afterAll(async () => {
  site.close()
  for (const name of [...Object.values(families), second]) {
    await tlxc('destroy', '-f', '-n', name)
    await leavesNothing(name)
  }
  for (const template of Object.keys(families)) {
    await run(join(repoRoot, `build/prefix/share/tlxc/templates/tlxc-${template}`), ['--clean'], { env: { TLXC_CACHE_DIR: cache } })
  }
})

/** Of the family's caches: finished trees, and what is being built. */
const entries = (): string[] =>
  Object.keys(families).flatMap((family) => (existsSync(join(cache, family)) ? readdirSync(join(cache, family)).filter((name) => !name.startsWith('.lock')) : [])).sort()

/** The old admin's way. */
const siteArgs = (): string[] => ['--mirror', `${site.url}/as-site/cobbler/ks_mirror/7/`, '--gpg-key', `${site.url}/RPM-GPG-KEY-test`]

/** All at once: most of a create is waiting. */
async function createAll(): Promise<void> {
  const etc = `mount -t overlay -o lowerdir=${scratch}/etc:/etc overlay /etc`
  const results = await Promise.all([
    ...(cgroupV2 ? [] : [create(families.centos, 'centos', siteArgs()), create(second, 'centos', siteArgs())]),
    within(etc, families.rocky, 'rocky', ['--release', '9', '--mirror', `${site.url}/rocky`, '--root-password', 'geheim-7']),
    create(families.fedora, 'fedora', ['--repo', join(scratch, 'ours.repo'), '--gpg-key', site.key]),
    create(families.opensuse, 'opensuse', ['--release', '15.6', '--mirror', `${site.url}/opensuse`, '--gpg-key', site.key]),
  ])
  // centos: from a site mirror as it is; rocky: from the root of a mirror, with the key that this machine has; fedora: a .repo file.
  // opensuse: from the root of a mirror with updates.
  expect(results.map(({ code, stderr }) => `${code} ${stderr}`)).toEqual(results.map(() => '0 '))
}

describe('what was made', () => {
  test.skipIf(cgroupV2)('two at once download once, and ask nobody but the mirror', () => {
    const asked = site.asked.filter((path) => path.startsWith('/as-site/'))
    expect(asked.filter((path) => path.includes('/glibc-'))).toHaveLength(1)
    expect(asked.filter((path) => !path.startsWith('/as-site/cobbler/ks_mirror/7/'))).toEqual([])
  })

  test.skipIf(cgroupV2)('files that a container must have of its own', () => {
    for (const name of [families.centos, second]) {
      expect(file(name, 'etc/hostname')).toBe(`${name}\n`)
      // The package made one, and the cache would give it to all.
      expect(file(name, 'etc/machine-id')).toBe('')
      const config = readFileSync(join(root, 'var/lib/tlxc', name, 'config'), 'utf8')
      for (const key of ['rootfs.path', 'uts.name', 'arch']) expect(config.match(new RegExp(`^lxc.${key} = `, 'gm'))).toHaveLength(1)
    }
    expect(file(families.centos, 'etc/securetty').split('\n')).toEqual(expect.arrayContaining(['console', 'tty4', 'pts/0']))
    expect(file(families.centos, 'etc/pam.d/login')).toMatch(/^session +optional +pam_loginuid/m)
    expect(file(families.centos, 'etc/sysconfig/network-scripts/ifcfg-eth0')).toContain('BOOTPROTO=dhcp')
  })

  test.skipIf(cgroupV2)('yum asks that mirror and no other', () => {
    const repo = file(families.centos, 'etc/yum.repos.d/tlxc.repo')
    expect(repo).toContain(`baseurl=${site.url}/as-site/cobbler/ks_mirror/7/`)
    expect(repo).toContain('gpgcheck=1\nrepo_gpgcheck=1\ngpgkey=file:///etc/pki/rpm-gpg/RPM-GPG-KEY-tlxc-centos-1')
    expect(file(families.centos, 'etc/pki/rpm-gpg/RPM-GPG-KEY-tlxc-centos-1')).toBe(readFileSync(site.key, 'utf8'))
    const own = file(families.centos, 'etc/yum.repos.d/centos.repo')
    expect(own.match(/^\[/gm)).toHaveLength(2)
    expect(own.match(/^enabled=0$/gm)).toHaveLength(2)
    expect(own).not.toContain('enabled=1')
  })
})

describe.each([
  ['centos', 'network scripts'],
  ['rocky', 'NetworkManager'],
  ['fedora', 'systemd-networkd'],
  ['opensuse', 'systemd-networkd'],
] as const)('%s with %s', (family, _manager) => {
  const name = families[family]
  const skipped = family === 'centos' && cgroupV2

  test.skipIf(skipped)('boots, reaches running with no failed unit, and has an address by DHCP', async () => {
    await must('start', '-n', name)
    await eventually('an address', async () => /\d+\.\d+\.\d+\.\d+/.exec(await must('info', '-n', name, '-iH'))?.[0])
    const state = await eventually('an answer of systemd', async () => /^(running|degraded)/.exec((await tlxc('attach', '-n', name, '--', 'systemctl', 'is-system-running')).stdout)?.[1])
    expect(await must('attach', '-n', name, '--', 'systemctl', '--failed', '--no-legend', '--plain')).toBe('')
    expect(state).toBe('running')
    expect(await must('attach', '-n', name, '--', 'hostname')).toBe(`${name}\n`)
    expect(await must('attach', '-n', name, '--', 'cat', '/etc/machine-id')).toMatch(/^[0-9a-f]{32}\n$/)
  })

  test.skipIf(skipped)("the container's rpm knows its packages, and so does this machine's", async () => {
    const inside = await must('attach', '-n', name, '--', 'rpm', '-qa')
    expect(inside).toContain(`${family === 'opensuse' ? 'openSUSE' : family}-release-`)
    expect(inside).toContain('gpg-pubkey-')
    for (const left of ['root/.rpmdb', 'run/zypp.pid', 'var/cache/tlxc']) expect(existsSync(join(rootfs(name), left))).toBe(false)
    const outside = await run('rpm', ['--root', rootfs(name), '--dbpath', '/usr/lib/sysimage/rpm', '-qa'])
    expect(outside.stdout).toBe(inside)
  })

  test.skipIf(skipped)('has a login on the console and on the terminals', async () => {
    for (const tty of ['0', '1', '4']) {
      const pty = new PtyProcess('012', join(binDir, 'tlxc-console'), ['-n', name, '-t', tty])
      await eventually(`a login prompt on ${tty}`, () => {
        if (!pty.text.includes('login:')) pty.type('\r')
        return Promise.resolve(pty.text.includes('login:') ? (true as const) : undefined)
      }, 10_000)
      if (tty === '0') await logIn(pty, family === 'rocky' ? 'geheim-7' : undefined)
      pty.type('\x01q')
      expect((await pty.ended).code).toBe(0)
    }
  })
})

// Running: made in a mount namespace, its files showed up on this machine only with the start.
describe('rocky, fedora and openSUSE', () => {
  test('a password is hashed inside, and in no configuration', () => {
    expect(file(families.rocky, 'etc/shadow')).toMatch(/^root:\$6\$/)
    expect(readFileSync(join(root, 'var/lib/tlxc', families.rocky, 'config'), 'utf8')).not.toContain('geheim-7')
  })

  test('each tree of a mirror is a repository; a .repo file goes in with its checks on', () => {
    const repo = file(families.rocky, 'etc/yum.repos.d/tlxc.repo')
    for (const tree of ['BaseOS', 'AppStream']) expect(repo).toContain(`[${tree}]\nname=Rocky Linux 9 - ${tree}\nbaseurl=${site.url}/rocky/9/${tree}/${arch}/os/\n`)
    expect(file(families.fedora, 'etc/yum.repos.d/ours.repo')).toMatch(/baseurl=.*\$releasever.*\ngpgcheck=1\nrepo_gpgcheck=1\ngpgkey=file:/)
    const suse = file(families.opensuse, 'etc/zypp/repos.d/tlxc.repo')
    expect(suse).toContain(`[oss]\nname=openSUSE 15.6 - oss\nbaseurl=${site.url}/opensuse/distribution/leap/15.6/repo/oss/\nenabled=1\nautorefresh=1\ngpgcheck=1\nrepo_gpgcheck=1\n`)
    expect(suse).toContain('[update]\n')
    expect(suse).not.toContain('[sle-update]')
    expect(file(families.opensuse, 'etc/zypp/repos.d/opensuse-leap.repo')).not.toContain('enabled=1')
  })
})

test('tlxc-template cache --refresh: the mirror has the same metadata, so nothing is made again', async () => {
  const [entry = ''] = readdirSync(join(cache, 'opensuse')).filter((name) => !name.startsWith('.'))
  const id = (): string => readFileSync(join(cache, 'opensuse', entry, 'id'), 'utf8')
  const before = id()
  const asked = site.asked.length
  await must('template', 'cache', '--refresh', 'opensuse')
  expect(id()).toBe(before)
  expect(site.asked.slice(asked).filter((path) => !/^\/opensuse\/.*\/repomd.xml(\.asc)?$/.test(path))).toEqual([])
})

/** As root: without a password when the template was given none. */
async function logIn(pty: PtyProcess, password: string | undefined): Promise<void> {
  pty.type('root\r')
  if (password !== undefined) {
    await eventually('the question for a password', () => Promise.resolve(pty.text.includes('Password:') ? (true as const) : undefined), 10_000)
    pty.type(`${password}\r`)
  }
  await eventually('a shell', async () => {
    pty.type('echo I am $(id -u)\r')
    await new Promise((resolve) => setTimeout(resolve, 300))
    return pty.text.includes('I am 0')
  }, 15_000)
  pty.type('exit\r')
}

describe.concurrent('what cannot be made', () => {
  const mirror = (path: string): string[] => ['--mirror', `${site.url}${path}`, ...centos]
  const key = (): string[] => ['--gpg-key', site.key]
  const refused = async (template: string, args: string[], env: Record<string, string> = {}): Promise<string> => {
    const bad = freshName('bad')
    const result = await run(join(binDir, 'tlxc-create'), ['-n', bad, '-t', template, '--', ...args], { env })
    expect(result.code).not.toBe(0)
    expect(existsSync(join(root, 'var/lib/tlxc', bad))).toBe(false)
    return result.stderr
  }
  let before: string[]
  beforeAll(() => {
    before = entries()
  })
  // The cache is neither poisoned nor littered by any of them.
  afterAll(() => expect(entries()).toEqual(before))

  test('without a key: says how to give one, and asks no mirror', async () => {
    const said = await refused('rocky', ['--release', '9', '--mirror', `${site.url}/as-keyless/rocky`])
    expect(said).toContain(`no key to check the signatures of ${site.url}/as-keyless/rocky with: give --gpg-key=FILE|URL`)
    expect(said).toContain('/etc/pki/rpm-gpg/RPM-GPG-KEY-Rocky-9')
    expect(site.asked.filter((path) => path.startsWith('/as-keyless'))).toEqual([])
  })

  test('metadata that another key signed', async () => {
    expect(await refused('centos', [...mirror('/forged/7'), ...key()])).toMatch(/forged\/7: dnf failed: .*repomd.xml GPG signature verification error: Bad GPG signature/)
  })

  test('a package that another key signed', async () => {
    const said = await refused('centos', [...mirror('/tampered/7'), ...key(), ...(cgroupV2 ? ['--release', '7'] : [])])
    if (!cgroupV2) expect(said).toMatch(/tampered\/7: dnf failed: .*Public key for setup-2.13-1.noarch.rpm is not installed.*GPG check FAILED/)
  })

  test('metadata that nobody signed, over http', async () => {
    const said = await refused('centos', [...mirror('/plain/7'), ...key()])
    expect(said).toContain(`cannot check the metadata of ${site.url}/plain/7: there is no repodata/repomd.xml.asc`)
    expect(said).toContain('--no-metadata-check')
  })

  test('a key that is none', async () => {
    expect(await refused('centos', [...mirror('/cobbler/ks_mirror/7'), '--gpg-key', join(scratch, 'ours.repo')])).toContain("ours.repo' holds no OpenPGP public key")
  })

  test('a .repo file that switches the check off', async () => {
    expect(await refused('fedora', ['--repo', join(scratch, 'careless.repo'), ...key()])).toContain('switches the check of packages off')
  })

  test('an unknown release, and one that the mirror does not have', async () => {
    expect(await refused('centos', [...mirror('/cobbler/ks_mirror/7'), '--release', '6', ...key()])).toContain("CentOS has no release '6' that this template knows; there are: 9-stream, 8-stream, 7")
    const said = await refused('rocky', ['--mirror', `${site.url}/rocky`, '--release', '8', ...key()])
    expect(said).toContain(`cannot use the mirror ${site.url}/rocky: there is no Rocky Linux 8 for ${arch}; looked for`)
    expect(said).toContain(`${site.url}/rocky/8/BaseOS/${arch}/os/repodata/repomd.xml`)
  })

  test('a mirror of Fedora has no updates; an unknown package is named', async () => {
    expect(await refused('fedora', ['--mirror', `${site.url}/fedora`, '--packages', 'nosuch', ...key()])).toContain('No match for argument: nosuch')
    expect(site.asked).toContain(`/fedora/updates/43/Everything/${arch}/repodata/repomd.xml`)
  })

  describe('openSUSE', () => {
    const from = (path: string, more: string[] = [], env: Record<string, string> = {}): Promise<string> => refused('opensuse', ['--release', '15.6', '--mirror', `${site.url}${path}`, ...key(), ...more], env)
    const files = (key: string, ...more: string[]): Promise<string> => refused('opensuse', ['--release', '15.6', '--repo', join(scratch, `${key}.repo`), ...more])

    test('metadata that another key signed', async () => {
      expect(await from('/forged/7')).toMatch(/forged\/7: zypper failed: .*Signature verification failed for repomd.xml/)
    })

    test('a package that another key signed, in metadata that nobody did', async () => {
      expect(await from('/plain-tampered/7', ['--no-metadata-check'])).toMatch(/zypper failed: setup-2.13-1.noarch \(openSUSE 15.6 - opensuse\): Signature verification failed/)
    })

    test('an unknown package is named; the key is the one that a .repo file names', async () => {
      expect(await files('key', '--packages', 'nosuch')).toContain("No provider of 'nosuch' found")
      expect(await files('wrong')).toContain('Signature verification failed for repomd.xml')
    })

    test('a release that there is not, and one that the mirror does not have', async () => {
      expect(await from('/opensuse', ['--release', '13.2'])).toContain("openSUSE has no release '13.2' that this template knows; there are: tumbleweed")
      expect(await from('/opensuse', ['--release', 'tumbleweed'])).toContain(`there is no openSUSE tumbleweed for ${arch}; looked for`)
    })

    test('a mirror that dies among the packages', async () => {
      expect(await from('/stuck/opensuse', [], { TLXC_STALL_TIMEOUT: '2' })).toMatch(/zypper failed: nothing came for 2 seconds of http:\S+\/stuck\/opensuse\/distribution\/leap\/15.6\/repo\/oss\/\S+\.rpm/)
    })

    test('without a key: says how to give one', async () => {
      expect(await refused('opensuse', ['--mirror', `${site.url}/as-keyless/opensuse`])).toContain(`no key to check the signatures of ${site.url}/as-keyless/opensuse with: give --gpg-key=FILE|URL (openSUSE's own is`)
    })

    test('a full disk', async () => {
      const { code, stderr } = await within(`mount -t tmpfs -o size=40m none ${realpathSync(cache)}`, freshName('full'), 'opensuse', ['--release', '15.6', '--mirror', `${site.url}/opensuse`, ...key()])
      expect(stderr).toContain('No space left on device')
      expect(code).not.toBe(0)
    })
  })

  test('nobody listens', async () => {
    const said = await refused('centos', ['--mirror', 'http://127.0.0.1:1/cobbler/ks_mirror/7', ...centos, ...key()])
    expect(said).toContain('cannot download http://127.0.0.1:1/cobbler/ks_mirror/7/repodata/repomd.xml: Failed to connect')
  })

  test('a mirror that takes requests and does not answer', async () => {
    const said = await refused('centos', [...mirror('/dead/cobbler/ks_mirror/7'), ...key()], { TLXC_STALL_TIMEOUT: '1' })
    expect(said).toMatch(/cannot download http:\S+\/dead\/cobbler\/ks_mirror\/7\/repodata\/repomd.xml: Operation too slow.*\(tried 3 times\)/)
  })

  test('a full disk', async () => {
    const { code, stderr } = await within(`mount -t tmpfs -o size=40m none ${realpathSync(cache)}`, freshName('full'), 'centos', [...mirror('/cobbler/ks_mirror/7'), ...key()])
    expect(stderr).toContain('No space left on device')
    expect(stderr).toContain('hint: make room on the filesystem of')
    // SPACE
    expect(code).not.toBe(0)
  })

  test.skipIf(cgroupV2)('a mirror that dies among the packages', async () => {
    const said = await refused('centos', [...mirror('/stuck/cobbler/ks_mirror/7'), ...key()], { TLXC_STALL_TIMEOUT: '1' })
    expect(said).toMatch(/dnf failed: .*[Cc]url error \(28\).*http:\S+\/stuck\/cobbler\/ks_mirror\/7\/\S+\.rpm/)
  })

  test('CentOS 7 where there is cgroup v2 alone: refused with the mend, before anything is downloaded', async () => {
    const { code, stderr } = await within('mount -t cgroup2 none /sys/fs/cgroup', freshName('v2'), 'centos', ['--mirror', `${site.url}/as-v2/cobbler/ks_mirror/7`, ...key()])
    expect(code).not.toBe(0)
    expect(stderr).toContain('its systemd needs cgroup v1')
    expect(stderr).toContain('systemd.unified_cgroup_hierarchy=0')
    expect(site.asked.filter((path) => path.startsWith('/as-v2'))).toEqual([])
  })
})

test.skipIf(cgroupV2)('Ctrl-C during the download leaves nothing, and the next create works', async () => {
  const name = freshName('stopped')
  const child = spawn(join(binDir, 'tlxc-create'), ['-n', name, '-t', 'centos', '--', '--mirror', `${site.url}/slow/cobbler/ks_mirror/7`, '--gpg-key', site.key], { stdio: 'ignore' })
  const ended = new Promise<number | null>((resolve) => child.once('close', resolve))
  await eventually('a package under way', () => Promise.resolve(site.asked.some((path) => path.startsWith('/slow/') && path.endsWith('.rpm')) ? true : undefined))
  child.kill('SIGINT')
  expect(await ended).toBe(130)
  expect(existsSync(join(root, 'var/lib/tlxc', name))).toBe(false)
  await leavesNothing(name)
  expect(entries().filter((entry) => entry.startsWith('work.') || entry.startsWith('trash.'))).toEqual([])
  const again = freshName('again')
  const made = await create(again, 'centos', siteArgs())
  expect(made.stderr).toBe('')
  expect(statSync(join(rootfs(again), 'usr/bin/rpm')).isFile()).toBe(true)
  await must('destroy', '-n', again)
})
