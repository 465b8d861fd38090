/** Alpine from a signed mirror on loopback (see alpine-mirror.ts for what is real in it), and every way in which it could be a lie. */
import { mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { spawnSync } from 'node:child_process'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { KEY, makeAlpineMirror } from '../helpers/alpine-mirror.ts'
import { eventually, freshName, leavesNothing, must, tlxc } from '../helpers/e2e.ts'
import { serveDirectory, type StaticServer } from '../helpers/static-server.ts'

const arch = process.arch === 'arm64' ? 'aarch64' : 'x86_64'
let scratch = ''
let server: StaticServer | undefined
const name = freshName('alp')
const repository = (): string => join(scratch, 'www/stable/main', arch)
const options = (...more: string[]): string[] => ['--', `--mirror=${server?.url ?? ''}`, '--release=stable', '--repos=main', `--keyring=${scratch}/keys`, `--arch=${arch}`, ...more]

beforeAll(async () => {
  scratch = mkdtempSync('/var/tmp/tlxc-alpine-')
  makeAlpineMirror(scratch, arch)
  server = await serveDirectory(join(scratch, 'www'))
})
afterAll(async () => {
  await tlxc('destroy', '-f', '-n', name)
  await leavesNothing(name)
  server?.close()
  const cache = join(process.env['TLXC_ROOT'] ?? '', 'var/cache/tlxc/alpine')
  expect(readdirSync(cache).filter((entry) => /^(work|trash)\./.test(entry))).toEqual([])
  rmSync(cache, { recursive: true })
  rmSync(scratch, { recursive: true })
})

test('boots, has an address, five logins, its user; the second asks the mirror for nothing', async () => {
  await must('create', '-n', name, '-t', 'alpine', ...options('--user=ann'))
  await must('start', '-n', name)
  await eventually('an IPv4 address', async () => /\d+\.\d+\.\d+\.\d+/.test((await tlxc('info', '-n', name, '-iH')).stdout))
  const inside = (...command: string[]): Promise<string> => must('attach', '-n', name, '--', ...command)
  expect(await inside('hostname')).toBe(`${name}\n`)
  expect(await inside('id', '-un', 'ann')).toBe('ann\n')
  expect((await inside('ps', '-o', 'args')).match(/^\/sbin\/getty /gm)).toHaveLength(5)
  expect(await inside('cat', '/etc/apk/repositories')).toBe(`${server?.url ?? ''}/stable/main\n`)
  expect(await inside('ls', '/etc/apk/keys')).toBe(`${KEY}\n`)
  await must('stop', '-n', name, '-t', '20', '--nokill')
  const before = server?.asked.length
  const second = freshName('alp')
  await must('create', '-n', second, '-t', 'alpine', ...options())
  expect(server?.asked.length).toBe(before)
  await must('destroy', '-n', second)
})

describe('a lie is not installed', () => {
  const fails = async (why: RegExp, ...more: string[]): Promise<void> => {
    const { code, stderr } = await tlxc('create', '-n', freshName('alp'), '-t', 'alpine', ...options('--flush-cache', ...more))
    expect(code).toBe(1)
    expect(stderr).toMatch(why)
  }
  const spoiled = async (file: string, at: (size: number) => number, why: RegExp): Promise<void> => {
    const whole = readFileSync(join(repository(), file))
    const bad = Buffer.from(whole)
    const byte = at(bad.length)
    bad.writeUInt8(bad.readUInt8(byte) ^ 1, byte)
    writeFileSync(join(repository(), file), bad)
    await fails(why)
    writeFileSync(join(repository(), file), whole)
  }

  test('an index, a package of other bytes', async () => {
    await spoiled('APKINDEX.tar.gz', (size) => size - 12, /cannot use http\S+APKINDEX\.tar\.gz: /)
    await spoiled('apk-tools-static-1-r0.apk', (size) => size - 12, /cannot use http\S+apk-tools-static-1-r0\.apk: /)
  })

  test('a package whose data is another, well-formed', async () => {
    const file = join(repository(), 'apk-tools-static-1-r0.apk')
    const whole = readFileSync(file)
    const magic = Buffer.from([0x1f, 0x8b, 0x08])
    const third = whole.lastIndexOf(magic)
    writeFileSync(file, Buffer.concat([whole.subarray(0, third), spawnSync('sh', ['-c', 'cd /; tar -czf - etc/hostname'], {}).stdout]))
    await fails(/cannot use http\S+apk-tools-static-1-r0\.apk: its sha256 checksum is not/)
    writeFileSync(file, whole)
  })

  test('keys: another one of that name, none, a mirror that is not there', async () => {
    mkdirSync(join(scratch, 'other'))
    spawnSync('sh', ['-c', `openssl genrsa 2048 | openssl rsa -pubout -out '${scratch}/other/${KEY}'`])
    await fails(/its signature does not verify/, `--keyring=${scratch}/other`)
    mkdirSync(join(scratch, 'none'))
    await fails(/there is no key .*--keyring=FILE/, `--keyring=${scratch}/none`)
    await fails(/cannot download http:\/\/127\.0\.0\.1:1\/stable\/main\/\S+: .*tried 3 times/, '--mirror=http://127.0.0.1:1')
    await fails(/cannot download http\S+\/nosuch\/main\/\S+: .*404/, '--release=nosuch')
    await fails(/cannot make Alpine Linux stable .*ERROR: nosuch/, '--packages=nosuch')
  })
})
