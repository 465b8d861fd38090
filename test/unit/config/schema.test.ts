import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { spawnSync } from 'node:child_process'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { closest, editDistance } from '../../../src/config/closest.ts'
import { loadConfig } from '../../../src/config/load.ts'
import { containerConfigPage, exampleOf, systemConfigPage } from '../../../src/config/manpage.ts'
import { KEYS, findKey, subkeyOf, suggestKey } from '../../../src/config/schema.ts'
import { LEGACY_NAMES } from '../../../src/config/schema/legacy.ts'
import { SYSTEM_ROWS } from '../../../src/config/schema/system.ts'
import { corpus, noFiles } from './corpus.ts'

const clearing = ['lxc.hook', 'lxc.net', 'lxc.net.N']
const pageText = containerConfigPage().replaceAll('\\-', '-')

describe('schema', () => {
  it('has each key once', () => {
    expect(new Set(KEYS.map(({ key }) => key)).size).toBe(KEYS.length)
  })

  it.each(KEYS.map((row) => [row.key, row] as const))('%s has a doc line, an example that is accepted, and a place in the manual', (key, row) => {
    expect(row.doc).toMatch(/^\S[^\n]*\.$/)
    expect(pageText).toContain(`\\fB${key}\\fR`)
    if (clearing.includes(key) || key === 'lxc.include') return
    const kind = /^lxc\.net\.N\.(veth|macvlan|ipvlan|vlan)\./.exec(key)?.[1] ?? 'veth'
    const text = `lxc.net.0.type = ${kind}\n${exampleOf(row)}`
    const found = loadConfig(text, 'config', noFiles).diagnostics.filter(({ severity }) => severity === 'error')
    expect(found.map(({ reason }) => reason)).toEqual(row.status === 'unsupported' ? [`this version of tlxc does not act on ${key} yet`] : [])
  })

  it('finds exact keys before prefixes', () => {
    expect(findKey('lxc.cgroup.dir')?.key).toBe('lxc.cgroup.dir')
    expect(findKey('lxc.cgroup.dirt')?.key).toBe('lxc.cgroup')
    expect(findKey('lxc.cgroup2.memory.max')?.key).toBe('lxc.cgroup2')
    expect(findKey('lxc.cgroup')?.key).toBe('lxc.cgroup')
    expect(findKey('lxc.cgroup.')).toBeUndefined()
    expect(findKey('lxc.net.12.type')?.key).toBe('lxc.net.N.type')
    expect(findKey('lxc.net.x.type')).toBeUndefined()
    const row = findKey('lxc.sysctl.net.ipv4.ip_forward')
    expect(row && subkeyOf(row, 'lxc.sysctl.net.ipv4.ip_forward')).toBe('net.ipv4.ip_forward')
  })

  it('knows every key that an installed LXC uses', () => {
    const used = corpus()
      .filter(({ file }) => file.startsWith('/usr'))
      .flatMap(({ text }) => [...text.matchAll(/^(lxc\.[^\s=]+)\s*=/gm)].map((match) => match[1] ?? ''))
    expect(used.filter((key) => !findKey(key))).toEqual([])
  })

  it('leads every old name to a row', () => {
    for (const target of Object.values(LEGACY_NAMES)) if (target !== null) expect(findKey(target), target).toBeDefined()
  })

  it.each([
    ['lxc.uts.nmae', 'lxc.uts.name'],
    ['lxc.net.3.hwadr', 'lxc.net.3.hwaddr'],
    ['lxc.idmaps', 'lxc.idmap'],
    ['lxc.entirely.different.thing', undefined],
  ])('suggests for %s: %s', (key, suggestion) => expect(suggestKey(key)).toBe(suggestion))

  it('measures distances', () => {
    expect(editDistance('kitten', 'sitting')).toBe(3)
    expect(editDistance('name', 'nmae')).toBe(1)
    expect(closest('zzz', ['abc'])).toBeUndefined()
    fc.assert(fc.property(fc.string(), fc.string(), (a, b) => editDistance(a, b) === editDistance(b, a)))
    fc.assert(fc.property(fc.string(), (a) => editDistance(a, a) === 0))
  })
})

describe('manual pages', () => {
  it.each([
    ['tlxc.container.conf.5', containerConfigPage()],
    ['tlxc.conf.5', systemConfigPage()],
  ])('%s is what is committed', (name, page) => {
    expect(readFileSync(join(import.meta.dirname, '../../../man', name), 'utf8')).toBe(page)
  })

  it('tell every setting of the system configuration', () => {
    const page = systemConfigPage().replaceAll('\\-', '-')
    for (const { name, doc } of SYSTEM_ROWS) {
      expect(page).toContain(`\\fB${name.startsWith('lxc.') ? name : name.replace(/^\w+\./, '')}\\fR`)
      expect(doc).toMatch(/\.$/)
    }
  })

  it.skipIf(!existsSync('/usr/bin/mandoc'))('are clean for mandoc', () => {
    const lint = spawnSync('mandoc', ['-T', 'lint', '-W', 'style', 'man/tlxc.container.conf.5', 'man/tlxc.conf.5'], {
      cwd: join(import.meta.dirname, '../../..'),
      encoding: 'utf8',
    })
    expect(lint.stdout + lint.stderr).toBe('')
  })
})
