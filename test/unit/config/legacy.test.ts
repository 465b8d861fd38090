import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { ConfigDocument } from '../../../src/config/document.ts'
import { loadConfig } from '../../../src/config/load.ts'
import { fillMacWildcards } from '../../../src/config/mac-wildcards.ts'
import { LEGACY_NAMES } from '../../../src/config/schema/legacy.ts'
import { updateLegacy } from '../../../src/config/update.ts'
import { FIXTURES, corpus, noFiles } from './corpus.ts'

const update = (text: string): string => {
  const document = ConfigDocument.parse(text)
  updateLegacy(document)
  return document.toString()
}

describe('names of LXC 1.x and 2.x', () => {
  const text = readFileSync(join(FIXTURES, 'legacy.conf'), 'utf8')

  it('are loaded under their new names, each with a warning that tells it', () => {
    const { value, diagnostics } = loadConfig(text, 'config', noFiles)
    expect(value).toMatchObject({
      utsName: 'old',
      rootfs: { type: 'btrfs', path: '/srv/old/rootfs' },
      ttyMax: 4,
      ptyMax: 1024,
      network: [
        { index: 0, type: 'veth', link: 'br0', ipv4: [{ address: '10.0.0.5', prefix: 24 }], ipv4Gateway: '10.0.0.1' },
        { index: 1, type: 'macvlan', macvlanMode: 'bridge' },
      ],
      prlimit: [{ resource: 'nofile', soft: '100' }],
      idmap: [{ kind: 'uid' }],
    })
    expect(diagnostics.filter(({ severity }) => severity === 'error')).toEqual([])
    expect(diagnostics).toHaveLength(14)
    expect(diagnostics[0]).toMatchObject({ severity: 'warning', where: { line: 2 }, reason: 'is an old name of lxc.uts.name' })
    expect(diagnostics.find(({ key }) => key === 'lxc.kmsg')?.reason).toContain('without effect')
  })

  it('are rewritten in place; comments and spacing stay', () => {
    expect(update(text)).toBe(
      '# As LXC 1.x wrote it\nlxc.uts.name   = old\nlxc.rootfs.path = btrfs:/srv/old/rootfs\nlxc.tty.max=4\nlxc.pty.max = 1024\n' +
        '# a comment that stays\nlxc.net.0.type = veth\nlxc.net.0.link = br0\nlxc.net.0.ipv4.address = 10.0.0.5/24\n' +
        'lxc.net.0.ipv4.gateway = 10.0.0.1\nlxc.net.1.type = macvlan\nlxc.net.1.macvlan.mode = bridge\nlxc.prlimit.nofile = 100\n' +
        'lxc.idmap = u 0 100000 65536\n',
    )
  })

  it('mean the same before and after the rewriting', () => {
    const line = fc.oneof(
      fc.tuple(fc.constantFrom(...Object.keys(LEGACY_NAMES), 'lxc.limit.nofile', 'lxc.uts.name'), fc.constantFrom('1', '/x', '')),
      fc.tuple(fc.constantFrom('lxc.rootfs', 'lxc.rootfs.backend'), fc.constantFrom('btrfs', 'dir', '')),
      fc.tuple(fc.constantFrom('type', '3.type', 'ipv4', 'link', 'veth.pair', '3.hwaddr').map((key) => `lxc.network.${key}`), fc.constantFrom('veth', 'phys', '10.0.0.1/8', '')),
    )
    fc.assert(
      fc.property(fc.array(line), (lines) => {
        const old = lines.map(([key, value]) => `${key} = ${value}\n`).join('')
        fc.pre(loadConfig(old, '', noFiles).diagnostics.every(({ severity }) => severity === 'warning'))
        const plain = (text: string): unknown => JSON.parse(JSON.stringify(loadConfig(text, '', noFiles).value, (key, value: unknown) => (key === 'where' ? 0 : value)))
        expect(plain(update(old))).toEqual(plain(old))
      }),
    )
  })

  it('leave a current configuration alone, and nothing to do the second time', () => {
    for (const { file, text: other } of corpus().filter(({ file }) => !file.endsWith('legacy.conf'))) expect(update(other), file).toBe(other)
    expect(update(update(text))).toBe(update(text))
  })
})

describe('fillMacWildcards', () => {
  it('fills every x for good, only there, and never makes a multicast address', () => {
    const text = '# x\nlxc.net.0.hwaddr = 10:66:6a:xx:Xx:0x\nlxc.uts.name = x\nlxc.net.1.hwaddr=xx:xx:xx:xx:xx:xx\n'
    fc.assert(
      fc.property(fc.array(fc.nat(255), { minLength: 1 }), (bytes) => {
        const document = ConfigDocument.parse(text)
        let next = 0
        expect(fillMacWildcards(document, () => bytes[next++ % bytes.length] ?? 0)).toBe(true)
        expect(document.values('lxc.net.0.hwaddr')[0]).toMatch(/^10:66:6a(:[0-9a-f]{2}){3}$/)
        expect(document.values('lxc.net.1.hwaddr')[0]).toMatch(/^[0-9a-f][02468ace](:[0-9a-f]{2}){5}$/)
        expect(document.toString()).toMatch(/^# x\n.*\nlxc\.uts\.name = x\n/)
        expect(fillMacWildcards(document, () => 0)).toBe(false)
      }),
    )
  })
})
