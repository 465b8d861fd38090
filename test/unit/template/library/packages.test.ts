/** templates/lib/options.sh and packages.sh: one list of options for all templates that install packages, and what is noted down of them. */
import { mkdirSync, readFileSync, readdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { repoRoot, run, type Result } from '../../../helpers/e2e.ts'
import { libraryBench, type LibraryBench, type Said } from '../../../helpers/template-library.ts'

let bench: LibraryBench
beforeEach(() => (bench = libraryBench()))
afterEach(() => bench.remove())

/** A template on the library, and lines after its options were read. */
const template = (args: string, lines: string): string => `
. "$library_dir/lib/packages.sh"
name=''
usage() { echo "the help"; package_usage; }
own_takes_value() { [ "$1" = --color ]; }
own_option() { case $1 in --color) color=$2 ;; --plain) plain=yes ;; *) return 1 ;; esac; }
option_sets='own package customise'
parse_options ${args}
${lines}`
const said = (args: string, lines = ':'): Promise<Said> => bench.sh(template(args, lines))
const shown = (args: string): Promise<string> => bench.ok(template(args, 'echo "$color $plain $arch $mirror $flush $refresh $clean $packages $name"'))

describe('parse_options', () => {
  test('own, shared and of the contract, in both forms', async () => {
    expect(await shown('--color red --plain --arch=a1 -m http://m/ -F --packages a,b --packages=c -n c1')).toBe('red yes a1 http://m/ yes no no a,b,c c1\n')
    expect(await shown('--color=red --plain --refresh-cache -c --name=c1 -- --nosuch')).toBe('red yes   no yes yes  c1\n')
  })

  test.each([
    ['--nosuch', "unknown option '--nosuch' (see --help)"],
    ['word', "unknown option 'word' (see --help)"],
    ['--color', 'option --color needs a value'],
    ['--plain=no', 'option --plain takes no value'],
    ['--flush-cache=no', 'option --flush-cache takes no value'],
    ['--mapped-uid 5', 'option --mapped-uid: this template runs as the host\'s root'],
  ])('%s: %s', async (args, reason) => {
    const { code, stderr } = await said(args)
    expect([code, stderr]).toEqual([1, expect.stringContaining(reason)])
  })

  test.runIf(process.getuid?.() === 0).each([
    ['--help', 'die "not reached"', 'this was only the help'],
    ['--clean', 'begin_packages t; die "not reached"', 'removed the cache'],
    ['--refresh-cache', 'begin_packages t; refresh_entry() { :; }; provide_packages; die "not reached"', 'brought the cache up to date'],
  ])('%s makes no container, and so is no success for tlxc-create', async (option, lines, what) => {
    expect(await said(option, lines)).toMatchObject({ code: 1, stderr: `template: ${what}; no container was made\n` })
    expect((await bench.sh(template(option, lines).replace("name=''", "name='' path=''"))).code).toBe(0)
  })

  test('help has all of them', async () => {
    const { stdout } = await said('--help', 'die "not reached"')
    for (const part of ['the help\n', '--refresh-cache ', '--timezone=ZONE', '-p, --path=DIR']) expect(stdout).toContain(part)
  })
})

test.each([
  ['ftp://h/x http https', "'ftp://h/x' is no URL of a mirror (http or https)"],
  ['http:// http https file', "'http://' is no URL of a mirror (http, https or file)"],
  ["'http://h/a b' http", "the mirror 'http://h/a b' has a space in it"],
  ["'http://h/a\nb'", 'has a space in it'],
])('check_mirror %s', async (args, reason) => {
  expect((await bench.sh(`. "$library_dir/lib/packages.sh"\ncheck_mirror ${args}`)).stderr).toContain(reason)
})

test('any scheme will do where the package manager knows more', async () => {
  await bench.ok('. "$library_dir/lib/packages.sh"\ncheck_mirror mirror+file:/etc/apt/mirrors; check_mirror ""; check_mirror file:///m http file')
})

/** What each family notes down must make the same entry again: same key, same options. */
describe.runIf(process.getuid?.() === 0).each([
  ['debian', ['--release=sid', '--packages=hello', '--keyring=keys.gpg', '--mirror=http://m/debian', '--enable-non-free']],
  ['arch', ['--repos=core', '--packages=hello', '--keyring=keys.gpg', '--mirror=http://m/arch']],
  ['alpine', ['--release=3.22', '--packages=hello', '--keyring=keys.gpg', '--mirror=http://m/alpine/']],
  ['rocky', ['--release=9', '--packages=hello', '--gpg-key=keys.gpg', '--no-metadata-check', '--mirror=http://m/rocky', '--repo=site.repo']],
  ['opensuse', ['--mirror=http://m/15.6', '--no-gpg-check']],
])('%s', (name, args) => {
  /** The template with the tree built by a stand-in. */
  const made = (...more: string[]): Promise<Result> => {
    const copy = join(bench.directory, `tlxc-${name}`)
    const text = readFileSync(join(repoRoot, 'templates', `tlxc-${name}`), 'utf8').replace(/^(rpm_main|deb_main|begin_packages)/m, `refresh_entry() { cache_entry "$1" stand_in; }\nprovide_rootfs() { cache_entry "$1" stand_in; exit; }\nstand_in() { :; }\n$1`)
    writeFileSync(copy, text.replace('require pacman pacman-package-manager', ':').replace('$(dirname -- "$0")/lib.sh', join(repoRoot, 'templates/lib.sh')), { mode: 0o755 })
    return run(copy, more, { env: { TLXC_TEMPLATE_LIB: join(repoRoot, 'templates'), TLXC_CONFIG_DIR: '/c', TLXC_CACHE_DIR: join(bench.directory, 'cache'), MIRROR: '' }, cwd: bench.rootfs })
  }
  const entries = (): string[] => readdirSync(join(bench.directory, 'cache', name)).filter((entry) => !entry.startsWith('.'))

  test('is made again from what was noted down, wherever that is said', async () => {
    bench.put('keys.gpg', '-----BEGIN PGP PUBLIC KEY BLOCK-----\n\nAAAA\n-----END PGP PUBLIC KEY BLOCK-----\n')
    bench.put('site.repo', '[a]\nname=A\n')
    expect(await made('--name=c1', `--path=${bench.directory}/c`, `--rootfs=${bench.rootfs}`, ...args)).toMatchObject({ code: 0, stderr: '' })
    const [entry = ''] = entries()
    const noted = readFileSync(join(bench.directory, 'cache', name, entry, 'origin'), 'utf8').match(/(?<=^argument=).*$/gm) ?? []
    expect(noted).toEqual(expect.arrayContaining([expect.stringMatching(/^--arch=/)]))
    expect(noted.join('\n')).not.toMatch(/^--(name|path|rootfs)=/m)
    mkdirSync(join(bench.directory, 'elsewhere'))
    expect(await made('--refresh-cache', ...noted)).toMatchObject({ code: 0, stderr: '' })
    expect(entries()).toEqual([entry])
  })
})

describe.runIf(process.getuid?.() === 0)('alpine', () => {
  /** Its own lines, with others instead of what downloads; "apk" is what of this machine is called so, if anything. */
  const made = (more: readonly string[], apk?: string): Promise<Result> => {
    const copy = join(bench.directory, 'tlxc-alpine')
    const text = readFileSync(join(repoRoot, 'templates/tlxc-alpine'), 'utf8').replace('$(dirname -- "$0")/lib.sh', join(repoRoot, 'templates/lib.sh'))
    const stand = `collect_keys() { need_scratch; keys=$scratch; }\nfetch_index() { die "asked $1"; }\ncommand() { ${apk === undefined ? 'false' : 'echo apk'}; }\napk() { ${apk ?? 'false'}; }\nbegin_packages alpine\n`
    writeFileSync(copy, text.replace('begin_packages alpine\n', stand), { mode: 0o755 })
    return run(copy, ['--name=c1', `--path=${bench.directory}/c`, `--rootfs=${bench.rootfs}`, ...more], {
      env: { TLXC_TEMPLATE_LIB: join(repoRoot, 'templates'), TLXC_CONFIG_DIR: '/c', TLXC_CACHE_DIR: join(bench.directory, 'cache') },
    })
  }

  test('apk, which runs as root of this machine, comes by https unless a mirror was given', async () => {
    expect((await made([])).stderr).toMatch(/asked https:\/\/\S+\/latest-stable\/main\//)
    expect((await made(['--mirror=http://m/alpine'])).stderr).toContain('asked http://m/alpine/latest-stable/main/')
  })

  test.each([['echo one; echo last; return 7', 'last'], ['echo "ERROR: no such package"; echo last; return 7', 'ERROR: no such package'], ['return 7', 'apk ended with status 7']])('a failure of apk (%s) has a reason', async (apk, reason) => {
    expect((await made([], apk)).stderr).toMatch(new RegExp(`cannot make Alpine Linux latest-stable .*: ${reason}\n`))
  })
})
