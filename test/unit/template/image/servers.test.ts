import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { parseLxcIndex } from '../../../../src/template/image/lxc-index.ts'
import { rowsAsText } from '../../../../src/template/image/row.ts'
import { parseProducts, parseStreamsIndex } from '../../../../src/template/image/simplestreams.ts'

const A = 'a'.repeat(64)
const B = 'B'.repeat(64)

describe("LXC's index", () => {
  test('the newest build of each image, sorted', () => {
    const text = 'b;1;amd64;default;20260101_00:00;/images/b/1/\na;1;amd64;default;20250101_00:00;/old/\na;1;amd64;default;20260101_00:00;/new/\n\n'
    expect(parseLxcIndex(text).map(({ dist, meta, rootfs }) => [dist, meta.path, rootfs.path])).toEqual([
      ['a', 'new/meta.tar.xz', 'new/rootfs.tar.xz'],
      ['b', 'images/b/1/meta.tar.xz', 'images/b/1/rootfs.tar.xz'],
    ])
  })

  test.each(['a;1;amd64;default;1', 'a;1;amd64;default;1;/x/;more', 'a b;1;amd64;default;1;/x/', '../a;1;amd64;default;1;/x/', 'a;1;amd64;default;1;/x/../../y/', '-d;1;amd64;default;1;/x/', 'a;1;amd64;;1;/x/', 'a;1;amd64;default;1;/x?y/'])(
    'leaves out "%s"',
    (row) => expect(parseLxcIndex(`${row}\nok;1;amd64;default;1;/x/\n`).map(({ dist }) => dist)).toEqual(['ok']),
  )

  test('whatever a server sends, each row is one line of ten words', () => {
    fc.assert(fc.property(fc.array(fc.string().map((text) => text.replaceAll('\n', ';'))), (lines) => {
      const rows = rowsAsText(parseLxcIndex(lines.join('\n')))
      for (const line of rows.split('\n').slice(0, -1)) expect(line.split('\t').filter((word) => /^[^\s]+$/.test(word))).toHaveLength(10)
    }))
  })
})

describe('simplestreams', () => {
  const products = (items: object, product: object = {}): string =>
    JSON.stringify({ products: { p: { os: 'Alpine', release: '3.20', arch: 'amd64', ...product, versions: { '1': { items: {} }, '2': { items } } } } })
  const item = (ftype: string, more: object = {}): object => ({ ftype, path: `i/${ftype}`, sha256: A, ...more })

  test('the index names the files with images', () => {
    expect(parseStreamsIndex(JSON.stringify({ index: { a: { datatype: 'image-downloads', path: 'streams/v1/images.json' }, b: { datatype: 'other', path: 'x' }, c: { datatype: 'image-downloads', path: '../x' } } }))).toEqual(['streams/v1/images.json'])
  })

  test('metadata and root file system of the newest build, Incus before LXD', () => {
    expect(parseProducts(products({ a: item('lxd.tar.xz'), b: item('incus.tar.xz'), c: item('squashfs'), d: item('root.tar.xz', { sha256: B }) }))).toEqual([
      { dist: 'alpine', release: '3.20', arch: 'amd64', variant: 'default', build: '2', meta: { path: 'i/incus.tar.xz', sha256: A }, rootfs: { path: 'i/root.tar.xz', sha256: B.toLowerCase() }, combined: null },
    ])
  })

  test('a combined checksum serves where files have none; with neither the image is not offered', () => {
    const combined = { a: item('lxd.tar.xz', { combined_rootxz_sha256: B }), b: { ftype: 'root.tar.xz', path: 'r' } }
    expect(parseProducts(products(combined))[0]).toMatchObject({ combined: B.toLowerCase(), rootfs: { sha256: null } })
    expect(parseProducts(products({ a: item('lxd.tar.xz'), b: { ftype: 'root.tar.xz', path: 'r' } }))).toEqual([])
    expect(parseProducts(products({ a: item('lxd.tar.xz'), b: item('squashfs') }))).toEqual([])
    expect(parseProducts(products({ a: item('lxd.tar.xz'), b: item('root.tar.xz') }, { release: 'a\tb' }))).toEqual([])
  })

  test.each(['', 'null', '[]', '<html>', '{"products":'])('"%s" is no stream', (text) => {
    expect(parseProducts.bind(null, '{}')).not.toThrow()
    expect(() => parseProducts(text)).toThrow(expect.objectContaining({ code: 'TEMPLATE' }))
  })

  test('any JSON is survived', () => {
    fc.assert(fc.property(fc.jsonValue(), fc.jsonValue(), (one, two) => {
      expect(Array.isArray(parseProducts(JSON.stringify({ products: { a: { os: 'x', release: 'y', arch: 'z', versions: { v: { items: one } } }, b: two } })))).toBe(true)
    }))
  })
})
