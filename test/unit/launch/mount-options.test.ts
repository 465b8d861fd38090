import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { parseFstab } from '../../../src/launch/fstab.ts'
import { parseMountOptions } from '../../../src/launch/mount-options.ts'
import { MOUNT_ATTR_VALUES } from '../../../src/protocol/generated.ts'

const parse = (text: string): ReturnType<typeof parseMountOptions> => parseMountOptions(text.split(','))

describe('mount options', () => {
  it('sorts them', () => {
    expect(parse('rbind,ro,nosuid,rslave,create=dir,optional,relative,idmap=container,size=10m,inode64')).toEqual({
      bind: 'rbind',
      attrs: ['rdonly', 'nosuid'],
      propagation: ['rslave'],
      options: [{ key: 'size', value: '10m' }, { key: 'inode64' }],
      create: 'dir',
      optional: true,
      relative: true,
      remount: false,
      move: false,
      idmap: 'container',
    })
  })

  it('lets the last one win', () => {
    expect(parse('ro,rw,ro').attrs).toEqual(['rdonly'])
    expect(parse('ro,rw').attrs).toEqual([])
    expect(parse('noatime,relatime').attrs).toEqual(['relatime'])
    expect(parse('nodev,dev,sync,async,mand,nomand').attrs).toEqual([])
  })

  it('keeps every unknown option, in order, and never throws', () => {
    const word = fc.string().filter((text) => !text.includes(','))
    fc.assert(
      fc.property(fc.array(word), (words) => {
        const { attrs, options } = parseMountOptions([...words, 'zz=1=2', 'constructor'])
        expect(options.slice(-2)).toEqual([{ key: 'zz', value: '1=2' }, { key: 'constructor' }])
        expect(attrs.every((attr) => MOUNT_ATTR_VALUES.includes(attr))).toBe(true)
      }),
    )
  })

  it('has each attribute at most once, and one access time mode', () => {
    const known = fc.constantFrom('ro', 'rw', 'noatime', 'relatime', 'strictatime', 'nosuid', 'suid', 'atime', 'norelatime', 'sync')
    fc.assert(
      fc.property(fc.array(known), (words) => {
        const { attrs } = parseMountOptions(words)
        expect(new Set(attrs).size).toBe(attrs.length)
        expect(attrs.filter((attr) => attr.endsWith('atime')).length).toBeLessThanOrEqual(1)
      }),
    )
  })
})

describe('fstab', () => {
  it('reads lines, escapes and comments', () => {
    expect(parseFstab('# c\n\n/a\\040b  c\ttmpfs ro,size=1 0 0\nx y z', 'fstab')).toEqual([
      { source: '/a b', target: 'c', type: 'tmpfs', options: ['ro', 'size=1'], where: { file: 'fstab', line: 3 } },
      { source: 'x', target: 'y', type: 'z', options: ['defaults'], where: { file: 'fstab', line: 4 } },
    ])
  })

  it('names the bad line', () => {
    expect(() => parseFstab('a b c\na b', 'fstab')).toThrow(expect.objectContaining({ code: 'CONFIG', message: expect.stringContaining('fstab:2') }))
  })
})
