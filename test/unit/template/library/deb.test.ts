/** templates/lib/deb-bootstrap.sh: a mirror that falls silent, and where security updates come from. */
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { libraryBench, type LibraryBench, type Said } from '../../../helpers/template-library.ts'

let bench: LibraryBench
beforeEach(() => (bench = libraryBench()))
afterEach(() => bench.remove())

/** Programs of this machine that are others here. */
function stand(program: string, body: string): void {
  const bin = join(bench.directory, 'bin')
  mkdirSync(bin, { recursive: true })
  writeFileSync(join(bin, program), `#!/bin/sh\n${body}\n`, { mode: 0o755 })
}
const said = (lines: string, env: Record<string, string> = {}): Promise<Said> =>
  bench.sh(`
. "$library_dir/lib/deb-bootstrap.sh"
distribution=debian title=Debian arch=amd64 release=bookworm variant=minbase components=main default_mirror='' fallback_script=sid
default_keyring=/d.gpg keyring='' keyring_file=/d.gpg mirror='' security_mirror='' build=$rootfs
base_packages() { echo less; }
update_suites() { echo "$1-updates"; echo "$1-security security"; }
${lines}`, { PATH: `${join(bench.directory, 'bin')}:${process.env['PATH'] ?? ''}`, ...env })

test('debootstrap that gets nothing any more is ended, and the reason is told', async () => {
  stand('debootstrap', 'exec sleep 60')
  const { code, stdout } = await said('need_scratch; : >"$scratch/apt.conf"; by_debootstrap', { TLXC_STALL_TIMEOUT: '2' })
  expect([code, stdout]).toEqual([1, 'E: timed out: nothing came for 2 seconds\n'])
})

test('as the real one: a shell that ends only after what it waits for, two shells below', async () => {
  stand('debootstrap', "trap 'exit 143' 15\n(sh -c 'sleep 60; :'; :) | cat")
  const { code, stdout } = await said('need_scratch; : >"$scratch/apt.conf"; by_debootstrap', { TLXC_STALL_TIMEOUT: '2' })
  expect([code, stdout]).toEqual([1, 'E: timed out: nothing came for 2 seconds\n'])
})

test('one whose scripts compute, whoever called them, is not', async () => {
  stand('debootstrap', "(timeout 5 sh -c 'while :; do :; done'; :) | cat")
  expect(await said('need_scratch; : >"$scratch/apt.conf"; by_debootstrap', { TLXC_STALL_TIMEOUT: '2' })).toMatchObject({ code: 0, stdout: '' })
})

describe('security updates', () => {
  const sources = (more: string): Promise<Said> => said(`${more}; find_mirrors; warn_of_no_security; sources_list`)
  beforeEach(() => stand('apt-get', 'echo "http://m/debian bookworm"; echo "http://m/debian-security bookworm-security"'))
  const security = 'deb http://m/debian-security bookworm-security main\n'

  test('come with a mirror that was given, too', async () => {
    expect(await sources(':')).toMatchObject({ code: 0, stderr: '', stdout: expect.stringContaining(security) as string })
    const given = await sources('mirror=http://other/debian')
    expect([given.stderr, given.stdout]).toEqual(['', `deb http://other/debian bookworm main\ndeb http://other/debian bookworm-updates main\n${security}`])
  })

  test.each(['mirror=http://site/ keyring=/site.gpg', 'apt_sources() { :; }; mirror=http://other/debian'])('none is known: a warning (%s)', async (more) => {
    const { stderr, stdout } = await sources(more)
    expect(stderr).toContain('no mirror of the security updates of Debian is known, the container gets none; give --security-mirror=URL')
    expect(stdout).not.toContain('security')
  })
})
