import { chmodSync, mkdirSync, writeFileSync } from 'node:fs'
import { afterAll, expect, test } from 'vitest'
import { describeTemplates, findTemplate, listTemplates } from '../../../src/template/find.ts'
import { makeTempHost } from '../../helpers/temp-host.ts'

const host = makeTempHost()
afterAll(() => host.dispose())
const directory = host.paths.templates
mkdirSync(directory, { recursive: true })
for (const [file, mode] of [['tlxc-busybox', 0o755], ['lxc-own', 0o755], ['lxc-busybox', 0o755], ['tlxc-plain', 0o644], ['lib.sh', 0o755]] as const) {
  writeFileSync(`${directory}/${file}`, '#!/bin/sh\n')
  chmodSync(`${directory}/${file}`, mode)
}

test('tlxc-NAME goes before lxc-NAME', () => {
  expect(findTemplate(host, 'busybox')).toBe(`${directory}/tlxc-busybox`)
  expect(findTemplate(host, 'own')).toBe(`${directory}/lxc-own`)
  expect(listTemplates(host)).toEqual(['busybox', 'own'])
})

test('a path must be a program', () => {
  expect(findTemplate(host, `${directory}/tlxc-busybox`)).toBe(`${directory}/tlxc-busybox`)
  for (const path of [`${directory}/tlxc-plain`, `${directory}/none`, directory]) {
    expect(() => findTemplate(host, path)).toThrow(expect.objectContaining({ code: 'TEMPLATE' }))
  }
})

test.each(['busyboxx', 'plain', '../templates/tlxc-busybox', ''])('"%s" is none, and the hint says what there is', (name) => {
  expect(() => findTemplate(host, name)).toThrow(expect.objectContaining({ code: 'TEMPLATE', hint: expect.stringContaining('busybox, own') as string }))
})

test('a slip gets a suggestion', () => {
  expect(() => findTemplate(host, 'bussybox')).toThrow(expect.objectContaining({ hint: expect.stringContaining('did you mean "busybox"?') as string }))
})

test('directories of TLXC_TEMPLATE_PATH go first, in their order; relative ones do not count', () => {
  for (const name of ['one', 'two']) {
    mkdirSync(`${host.root}/${name}`)
    for (const file of ['tlxc-busybox', `tlxc-${name}`]) writeFileSync(`${host.root}/${name}/${file}`, '', { mode: 0o755 })
  }
  const env = { TLXC_TEMPLATE_PATH: `one:${host.root}/two:${host.root}/one:${host.root}/missing:` }
  expect(findTemplate(host, 'busybox', env)).toBe(`${host.root}/two/tlxc-busybox`)
  expect(findTemplate(host, 'one', env)).toBe(`${host.root}/one/tlxc-one`)
  expect(() => findTemplate(host, 'one', { TLXC_TEMPLATE_PATH: 'one' })).toThrow(expect.objectContaining({ code: 'TEMPLATE' }))
  expect(listTemplates(host, env)).toEqual(['busybox', 'one', 'own', 'two'])
  expect(describeTemplates(host, env).filter(({ origin }) => origin !== 'lxc').map(({ name, origin }) => `${name} ${origin}`)).toEqual(['busybox path', 'one path', 'own installed', 'two path'])
})
