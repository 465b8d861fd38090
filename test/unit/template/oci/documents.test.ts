import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { commandLine } from '../../../../src/config/codecs/text.ts'
import { ConfigDocument } from '../../../../src/config/document.ts'
import { ociConfig } from '../../../../src/template/oci/config.ts'
import { chooseByPlatform, chooseByTag, parseIndex, parseManifest, parseRunConfig, type RunConfig } from '../../../../src/template/oci/types.ts'
import { resolveUser } from '../../../../src/template/oci/user.ts'

const D = (digit: string): string => `sha256:${digit.repeat(64)}`
const entry = (digit: string, more: object = {}): object => ({ mediaType: 'm', digest: D(digit), ...more })
const tagged = (digit: string, tag: string): object => entry(digit, { annotations: { 'org.opencontainers.image.ref.name': tag } })

describe('indexes', () => {
  const index = parseIndex(JSON.stringify({ manifests: [tagged('1', 'a'), tagged('2', 'b')] }), 'x')

  test('by tag', () => {
    expect(chooseByTag(index, 'b', 'x').digest).toBe(D('2'))
    expect(() => chooseByTag(index, 'c', 'x')).toThrow(expect.objectContaining({ hint: 'it has: a, b' }))
    expect(() => chooseByTag(index, null, 'x')).toThrow(expect.objectContaining({ hint: 'name a tag: a, b' }))
    expect(chooseByTag(index.slice(0, 1), null, 'x').digest).toBe(D('1'))
  })

  test('by platform', () => {
    const platforms = parseIndex(JSON.stringify({ manifests: [['1', 'windows', 'amd64'], ['2', 'linux', 'arm64'], ['3', 'linux', 'amd64']].map(([digit = '', os, architecture]) => entry(digit, { platform: { os, architecture } })) }), 'x')
    expect(chooseByPlatform(platforms, 'amd64', 'x').digest).toBe(D('3'))
    expect(() => chooseByPlatform(platforms, 'riscv64', 'x')).toThrow(expect.objectContaining({ code: 'TEMPLATE', hint: 'it is for windows/amd64, linux/arm64, linux/amd64' }))
  })

  test.each(['sha256:../../../etc/shadow', 'sha512:aa', '', 'sha256:' + 'A'.repeat(64)])('"%s" is no digest', (digest) => {
    expect(() => parseIndex(JSON.stringify({ manifests: [{ digest }] }), 'x')).toThrow(expect.objectContaining({ code: 'TEMPLATE' }))
  })
})

test('layers that are no tar archives are refused', () => {
  const manifest = (mediaType: string): string => JSON.stringify({ config: entry('1'), layers: [{ mediaType, digest: D('2') }] })
  for (const type of ['application/vnd.oci.image.layer.v1.tar', 'application/vnd.oci.image.layer.v1.tar+zstd', 'application/vnd.docker.image.rootfs.diff.tar.gzip']) expect(parseManifest(manifest(type), 'x').layers).toHaveLength(1)
  expect(() => parseManifest(manifest('application/vnd.stacker.image.layer.squashfs'), 'x')).toThrow('it has a layer of type')
})

describe('users', () => {
  const passwd = 'root:x:0:0:root:/root:/bin/sh\napp:x:1000:1001::/:/bin/sh\nbroken\n'
  const group = 'root:x:0:\napp:x:1001:\nextra:x:20:app,other\nmore:x:30:root\n'
  test.each([
    ['', { uid: 0, gid: 0, groups: [] }],
    ['app', { uid: 1000, gid: 1001, groups: [20] }],
    ['1000', { uid: 1000, gid: 1001, groups: [20] }],
    ['app:extra', { uid: 1000, gid: 20, groups: [] }],
    ['7', { uid: 7, gid: 0, groups: [] }],
    ['7:8', { uid: 7, gid: 8, groups: [] }],
  ])('"%s"', (user, ids) => expect(resolveUser(user, passwd, group)).toEqual(ids))
  test.each(['nobody', 'app:none', '4294967295', '-1'])('"%s" is unknown', (user) => expect(() => resolveUser(user, passwd, group)).toThrow(expect.objectContaining({ code: 'TEMPLATE' })))
})

describe('configuration', () => {
  const lines = (run: Partial<RunConfig>): readonly string[] =>
    ociConfig({ run: { ...parseRunConfig('{}', 'x'), ...run }, ids: { uid: 0, gid: 0, groups: [] }, name: 'c1', arch: 'x86_64', image: 'i', digest: 'd', includes: '/s' }).lines

  test('defaults', () => {
    expect(lines({})).toEqual(expect.arrayContaining(['lxc.include = /s/oci.common.conf', 'lxc.init.cmd = /bin/sh', 'lxc.execute.cmd = /bin/sh', 'lxc.signal.halt = SIGTERM']))
  })
  test.each([['SIGQUIT', 'SIGQUIT'], ['int', 'SIGINT'], ['9', '9'], ['RTMIN+3', 'SIGRTMIN+3'], ['; evil', 'SIGTERM']])('stop signal %s', (given, expected) => {
    expect(lines({ stopSignal: given })).toContain(`lxc.signal.halt = ${expected}`)
  })

  test('whatever an image says: its words come back as they were, and no line is of its making', () => {
    const anything = fc.string({ unit: fc.constantFrom('a', ' ', '"', "'", '=', '#', '\n', '\r', 'l') })
    fc.assert(fc.property(fc.array(anything, { minLength: 1 }), fc.array(anything), anything, (entrypoint, env, label) => {
      const text = lines({ entrypoint, env, labels: [[label, label]], exposedPorts: [label] }).join('\n')
      const document = ConfigDocument.parse(text)
      const keys = new Set(document.pairs().map(({ key }) => key))
      for (const key of keys) expect(['lxc.include', 'lxc.arch', 'lxc.uts.name', 'lxc.init.cmd', 'lxc.execute.cmd', 'lxc.signal.halt', 'lxc.environment']).toContain(key)
      const [command] = document.values('lxc.init.cmd')
      if (entrypoint.some((word) => /[\n\r]/.test(word))) expect(command).toBeUndefined()
      else expect(commandLine.parse(command ?? '')).toEqual(entrypoint)
      expect(document.values('lxc.environment')).toEqual(env.filter((value) => /^[^=\n\r]+=[^\n\r]*$/.test(value)))
    }))
  })
})
