/** templates/lib/verify.sh with keys and signatures that gpg made; what apk.sh unpacks before it trusts it. */
import { execFileSync } from 'node:child_process'
import { mkdirSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { libraryBench, type LibraryBench } from '../../../helpers/template-library.ts'

let bench: LibraryBench
let dir = ''
const gpg = (home: string, ...args: string[]): Buffer =>
  execFileSync('gpg', ['--homedir', join(dir, home), '--batch', '--quiet', '--yes', '--pinentry-mode', 'loopback', '--passphrase', '', ...args], { stdio: ['ignore', 'pipe', 'ignore'] })

beforeAll(() => {
  bench = libraryBench()
  dir = bench.directory
  for (const home of ['mine', 'other']) {
    mkdirSync(join(dir, home), { mode: 0o700 })
    gpg(home, '--quick-generate-key', `${home} <${home}@example.org>`, 'ed25519', 'sign', 'never')
    writeFileSync(join(dir, `${home}.gpg`), gpg(home, '--export'))
    writeFileSync(join(dir, `${home}.asc`), gpg(home, '--armor', '--export'))
  }
  writeFileSync(join(dir, 'both.asc'), execFileSync('cat', [join(dir, 'other.asc'), join(dir, 'mine.asc')]))
  writeFileSync(join(dir, 'file'), 'index\n')
  writeFileSync(join(dir, 'file.sig'), gpg('mine', '--detach-sign', '--output', '-', join(dir, 'file')))
  writeFileSync(join(dir, 'file.asc'), gpg('mine', '--armor', '--detach-sign', '--output', '-', join(dir, 'file')))
})
afterAll(() => {
  for (const home of ['mine', 'other']) execFileSync('gpgconf', ['--homedir', join(dir, home), '--kill', 'all'])
  bench.remove()
})

const verify = (keys: string, signature: string, file = 'file') =>
  bench.sh(`keyring ${dir}/${keys}; verify_signature "$keyring_file" ${dir}/${signature} ${dir}/${file} http://m/file`)

test.each(['mine.gpg', 'mine.asc', 'both.asc'])('%s verifies, armoured or not', async (keys) => {
  for (const signature of ['file.sig', 'file.asc']) expect(await verify(keys, signature)).toEqual({ code: 0, stdout: '', stderr: '' })
})

test('another key, another file: an error that names the URL and the reason', async () => {
  expect((await verify('other.gpg', 'file.sig')).stderr).toMatch(/cannot use http:\/\/m\/file: its signature does not verify: .*No public key/)
  writeFileSync(join(dir, 'evil'), 'indeX\n')
  expect((await verify('mine.asc', 'file.asc', 'evil')).stderr).toMatch(/does not verify: .*BAD signature/)
})

test('what is no signature, no keyring', async () => {
  writeFileSync(join(dir, 'junk'), 'junk')
  expect((await verify('mine.gpg', 'junk')).code).toBe(1)
  expect((await verify('junk', 'file.sig')).code).toBe(1)
  expect((await verify('none.gpg', 'file.sig')).stderr).toContain('there is no keyring')
})

test('checksums', async () => {
  expect((await bench.sh(`verify_digest ${dir}/file sha1 00 http://m/file`)).stderr).toContain('cannot use http://m/file: its sha1 checksum is not 00')
  expect((await bench.sh(`has_digest ${dir}/file md5 00`)).stderr).toContain('no checksum that this template knows')
})

test('a signature of Alpine is not unpacked to whatever size it has', async () => {
  mkdirSync(join(dir, 'apk'))
  writeFileSync(join(dir, 'apk/k.rsa.pub'), 'no key')
  writeFileSync(join(dir, 'apk/.SIGN.RSA.k.rsa.pub'), Buffer.alloc(4 << 20))
  execFileSync('tar', ['-czf', join(dir, 'index.1'), '-C', join(dir, 'apk'), '.SIGN.RSA.k.rsa.pub'])
  writeFileSync(join(dir, 'index.2'), '')
  const said = await bench.sh(`. "$library_dir/lib/apk.sh"; split_apk() { :; }; verify_apk ${dir}/index http://m/index ${dir}/apk`)
  expect(said.stderr).toContain('cannot use http://m/index: its signature does not verify')
  expect(statSync(join(dir, 'index.signature')).size).toBe(65536)
})
