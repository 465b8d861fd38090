/** templates/lib/rpm*.sh: what is decided before dnf runs. Installing is proved by test/e2e/template-rpm.e2e.test.ts. */
import { execFileSync } from 'node:child_process'
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { repoRoot, run, type Result } from '../../../helpers/e2e.ts'
import { libraryBench, type LibraryBench } from '../../../helpers/template-library.ts'

const armour = (text: string): string => `-----BEGIN PGP PUBLIC KEY BLOCK-----\n\n${text}\n-----END PGP PUBLIC KEY BLOCK-----\n`
let bench: LibraryBench
beforeEach(() => (bench = libraryBench()))
afterEach(() => bench.remove())

/** The profile of a template, and lines after its options were read. */
const rpm = (template: string, options: string, lines: string): string => `
eval "$(sed -n '/^distribution=/,/^}/p' ${repoRoot}/templates/tlxc-${template})"
. "$library_dir/lib/rpm.sh"
need_scratch
rpm_options ${options}
check_rpm_options
${lines}`
const template = (name: string, ...args: string[]): Promise<Result> =>
  run('sh', [join(repoRoot, `templates/tlxc-${name}`), `--path=${bench.directory}/c`, '--name=c1', `--rootfs=${bench.rootfs}`, ...args], {
    env: { TLXC_CACHE_DIR: join(bench.directory, 'cache') },
  })

describe('release', () => {
  test.each([
    ['centos', '', '9-stream'],
    ['centos', '--mirror http://h/cobbler/ks_mirror/7/', '7'],
    ['centos', '--mirror=http://h:8080/8-stream/BaseOS', '8-stream'],
    ['centos', '--mirror http://h/7/ -R 9-stream', '9-stream'],
    ['rocky', '--mirror http://h/rocky-9.4-dvd', '9'],
    ['rocky', '--mirror http://9.example/pub', '9'],
    ['almalinux', '-r 10', '10'],
    ['fedora', '--mirror http://h/fedora/41/', '41'],
    ['oraclelinux', '', '9'],
    ['opensuse', '', 'tumbleweed'],
    ['opensuse', '--mirror http://h/distribution/leap/15.6/repo/oss', '15.6'],
    ['opensuse', '-r 16.0', '16.0'],
  ])('%s %s: %s', async (name, options, release) => {
    expect(await bench.ok(rpm(name, options, 'printf %s "$release"'))).toBe(release)
  })

  test.each([['centos', '6'], ['rocky', '7'], ['rocky', '9.x'], ['fedora', '7'], ['oraclelinux', '9.1'], ['almalinux', 'nine'], ['opensuse', '15.2'], ['opensuse', 'leap']])('%s has no %s', async (name, release) => {
    const { code, stderr } = await template(name, '--release', release)
    expect(code).toBe(1)
    expect(stderr).toMatch(/has no release '.*' that this template knows; there are: /)
  })

  test.each(['../x', '-r', '9 evil', ''])('"%s" is none', async (release) => {
    const { code, stderr } = await template('rocky', `--release=${release}`, '--mirror=http://h/x')
    expect([code, /no name of a release/.test(stderr)]).toEqual(release === '' ? [1, false] : [1, true])
  })
})

test('CentOS 7 needs cgroup v1: which kind a directory is, is what the kernel says of it', async () => {
  const refused = await bench.sh(rpm('centos', '-r 7', 'stat() { echo cgroup2fs; }\nrequire_cgroup_v1 /sys/fs/cgroup'))
  expect(refused.stderr).toContain('/sys/fs/cgroup is cgroup v2 alone. Boot this machine with systemd.unified_cgroup_hierarchy=0')
  await bench.ok(rpm('centos', '-r 7', `require_cgroup_v1 ${bench.directory}`))
})

describe('keys', () => {
  test('armoured ones as they are; binary ones get armour that gpg reads', async () => {
    const home = join(bench.directory, 'gnupg')
    mkdirSync(home, { mode: 0o700 })
    const gpg = (...args: string[]): Buffer => execFileSync('gpg', ['--homedir', home, '--batch', '--quiet', ...args], { stdio: ['ignore', 'pipe', 'ignore'] })
    gpg('--pinentry-mode', 'loopback', '--passphrase', '', '--quick-gen-key', 'k@test.invalid', 'rsa2048', 'sign', 'never')
    writeFileSync(join(bench.directory, 'binary'), gpg('--export'))
    writeFileSync(join(bench.directory, 'text'), gpg('--export', '--armor'))
    await bench.ok(rpm('rocky', `-r 9 --gpg-key ${bench.directory}/binary --gpg-key file://${bench.directory}/text`, `find_keys; cp "$scratch"/keys/* ${bench.directory}`))
    const ids = ['1', '2'].map((n) => gpg('--show-keys', '--with-colons', join(bench.directory, `RPM-GPG-KEY-tlxc-rocky-${n}`)).toString())
    expect(ids[0]).toMatch(/^pub:/)
    expect(ids[0]).toBe(ids[1])
    execFileSync('gpgconf', ['--homedir', home, '--kill', 'all'])
  })

  test('none: how to give one; with --no-gpg-check none is needed', async () => {
    const { stderr } = await template('almalinux', '--mirror=http://h/alma/9')
    expect(stderr).toContain('give --gpg-key=FILE|URL (AlmaLinux\'s own is https://repo.almalinux.org/almalinux/RPM-GPG-KEY-AlmaLinux-9), or install it as /etc/pki/rpm-gpg/RPM-GPG-KEY-AlmaLinux-9')
    expect(await bench.ok(rpm('almalinux', '-r 9 --no-gpg-check', 'find_keys; check_keys; printf %s "$have_keys"'))).toBe('no')
  })

  test('a file that is no key, or is not there', async () => {
    bench.put('junk', 'junk')
    expect((await template('rocky', `--gpg-key=${bench.rootfs}/junk`)).stderr).toContain('holds no OpenPGP public key')
    expect((await template('rocky', '--gpg-key=/none')).stderr).toContain("there is no key file '/none'")
  })
})

describe('.repo files', () => {
  const repo = async (text: string, options = ''): Promise<string> => {
    bench.put('key', armour('AAAA'))
    bench.put('site.repo', text)
    return bench.ok(rpm('rocky', `-r 9 --repo ${bench.rootfs}/site.repo ${options}`, 'find_keys; check_keys; find_repo_files; cat "$scratch/repos/site.repo"'))
  }
  const refused = async (text: string, options = ''): Promise<string> => {
    bench.put('key', armour('AAAA'))
    bench.put('site.repo', text)
    return (await bench.sh(rpm('rocky', `-r 9 --repo ${bench.rootfs}/site.repo ${options}`, 'find_keys; check_keys; find_repo_files'))).stderr
  }
  const two = '[a]\nname=A\ngpgkey=file:///k1\n   file:///k2\nenabled=1\n\n[b]\ngpgcheck=1\nname=B\nrepo_gpgcheck=0\n'

  test('a key of an option stands in for all; checks are on in each section', async () => {
    const key = 'gpgkey=file:///etc/pki/rpm-gpg/RPM-GPG-KEY-tlxc-rocky-1'
    expect(await repo(two, `--gpg-key ${bench.rootfs}/key`)).toBe(
      `[a]\nname=A\nenabled=1\ngpgcheck=1\nrepo_gpgcheck=1\n${key}\n\n[b]\nname=B\nrepo_gpgcheck=0\ngpgcheck=1\n${key}\n`,
    )
  })

  test('without one, the file must name keys for all', async () => {
    expect(await refused(two)).toContain('no key to check the signatures of')
    expect(await repo(two.replace('[b]\n', '[b]\ngpgkey=https://h/k\n'))).toContain('[a]\nname=A\ngpgkey=file:///k1\n   file:///k2\nenabled=1\ngpgcheck=1\n')
  })

  test('a key over plain http proves nothing, on a continued line either', async () => {
    expect(await refused('[a]\ngpgkey=https://h/k\n http://h/k2\nname=A\n')).toContain('proves nothing: give --gpg-key')
  })

  test('switching the check off needs the option, too; with it nothing is checked', async () => {
    for (const off of ['GPGCHECK = False', 'pkg_gpgcheck=0']) expect(await refused(`[a]\n${off}\ngpgkey=file:///k\n`)).toContain('switches the check of packages off')
    expect(await repo('[a]\ngpgcheck=0\ngpgkey=file:///k\n', '--no-gpg-check')).toBe('[a]\ngpgcheck=0\nrepo_gpgcheck=0\n')
  })

  test('junk, and two of one name', async () => {
    expect(await refused('no section\n')).toContain('is no .repo file')
    expect(await refused('[a]\ngpgkey=file:///k\n', `--repo ${bench.rootfs}/site.repo`)).toContain('two .repo files')
  })
})

describe('what a mirror has', () => {
  const tree = (path: string, text = '<repomd/>'): void => bench.put(`mirror/${path}/repodata/repomd.xml`, text)
  const trees = (name: string, release: string): Promise<string> =>
    bench.ok(rpm(name, `-a x86_64 -r ${release} --no-gpg-check --mirror file://${bench.rootfs}/mirror/`, 'find_keys; find_trees; cat "$scratch/trees"'))
  const at = (path: string): string => `file://${bench.rootfs}/mirror${path}`

  test('a tree by itself', async () => {
    tree('.')
    expect(await trees('centos', '7')).toBe(`centos ${at('')} 0\n`)
  })

  test('an installation medium', async () => {
    tree('BaseOS')
    tree('AppStream')
    expect(await trees('rocky', '9')).toBe(`BaseOS ${at('/BaseOS')} 0\nAppStream ${at('/AppStream')} 0\n`)
  })

  test('a whole mirror, with what it may have', async () => {
    tree('releases/43/Everything/x86_64/os')
    tree('updates/43/Everything/x86_64')
    expect(await trees('fedora', '43')).toBe(`fedora ${at('/releases/43/Everything/x86_64/os')} 0\nupdates ${at('/updates/43/Everything/x86_64')} 0\n`)
  })

  test('a mirror of openSUSE: Leap with its updates, Tumbleweed, another architecture', async () => {
    tree('distribution/leap/15.6/repo/oss')
    tree('update/leap/15.6/sle')
    tree('ports/aarch64/tumbleweed/repo/oss')
    expect(await trees('opensuse', '15.6')).toBe(`oss ${at('/distribution/leap/15.6/repo/oss')} 0\nsle-update ${at('/update/leap/15.6/sle')} 0\n`)
    expect(await trees('opensuse', 'tumbleweed -a aarch64')).toBe(`oss ${at('/ports/aarch64/tumbleweed/repo/oss')} 0\n`)
    await expect(trees('opensuse', 'tumbleweed')).rejects.toThrow(`${at('/tumbleweed/repo/oss')}/repodata/repomd.xml`)
  })

  test('half of it, or something else', async () => {
    tree('BaseOS')
    await expect(trees('rocky', '9')).rejects.toThrow(`there is no ${at('/AppStream')}/repodata/repomd.xml`)
    tree('.', '<html>Welcome to the hotel</html>')
    await expect(trees('rocky', '9')).rejects.toThrow("is no repository's metadata")
  })
})

describe('the container', () => {
  const setup = (lines: string): Promise<string> => bench.ok(rpm('rocky', '-r 9', lines))

  test('what is installed is what gets an address', async () => {
    bench.put('etc/rc.d/init.d/network', '')
    bench.put('usr/sbin/NetworkManager', '')
    await setup('render_file() { echo "$3" | write "$1" "$2"; }\nsetup_rpm_network')
    expect(bench.text('etc/sysconfig/network-scripts/ifcfg-eth0')).toBe('ifcfg\n')
    expect(existsSync(join(bench.rootfs, 'etc/NetworkManager'))).toBe(false)
  })

  test('nothing that would: an error, not a container without an address', async () => {
    expect((await bench.sh(rpm('rocky', '-r 9', 'setup_rpm_network'))).stderr).toContain('nothing in the container would give it an address')
  })

  test('getty of an old systemd: no /dev/tty0, no device unit', async () => {
    bench.put('usr/lib/systemd/system-generators/systemd-getty-generator', 'ELF')
    bench.put('usr/lib/systemd/system/getty@.service', '[Unit]\nAfter=dev-%i.device systemd-user-sessions.service\nConditionPathExists=/dev/tty0\n[Service]\nTTYPath=/dev/%I\n')
    await setup('setup_old_gettys')
    expect(bench.text('etc/systemd/system/getty@.service')).toBe('[Unit]\nAfter= systemd-user-sessions.service\n[Service]\nTTYPath=/dev/%I\n')
    expect(readFileSync(join(bench.rootfs, 'usr/lib/systemd/system/getty@.service'), 'utf8')).toContain('/dev/tty0')
    bench.put('usr/lib/systemd/system-generators/systemd-getty-generator', 'ELF container_ttys')
    execFileSync('rm', ['-r', join(bench.rootfs, 'etc/systemd')])
    await setup('setup_old_gettys')
    expect(existsSync(join(bench.rootfs, 'etc/systemd'))).toBe(false)
  })

  test('repositories of its own are switched off, section by section', async () => {
    expect(await setup("printf '[a]\\nenabled=1\\nname=A\\n[b]\\nname=B\\n' | switch_off")).toBe('[a]\nenabled=0\nname=A\n[b]\nenabled=0\nname=B\n')
  })
})
