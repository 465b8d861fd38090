import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { TlxcError } from '../../../src/errors.ts'
import { parseSeccompProfile } from '../../../src/launch/seccomp-profile.ts'

const parse = (text: string): ReturnType<typeof parseSeccompProfile> => parseSeccompProfile(text, 'profile')

describe('seccomp profiles', () => {
  it('reads version 2: sections, actions, arguments, forced umount', () => {
    const { default_action, rules } = parse(
      ['2', '# comment', 'blacklist', 'reject_force_umount  # why', '[all]', 'kexec_load errno 1', 'mknod kill', 'open', '[arm64]', 'socket errno 97 [0,0x10,SCMP_CMP_EQ],[2,9,&=,15]'].join('\n'),
    )
    expect(default_action).toBe('allow')
    expect(rules).toEqual([
      { syscall: 'umount2', arch: undefined, action: 'errno', errno: 13, args: [{ index: 1, op: 'masked_eq', value: '1', mask: '1' }] },
      { syscall: 'kexec_load', arch: undefined, action: 'errno', errno: 1, args: [] },
      { syscall: 'mknod', arch: undefined, action: 'kill', errno: 0, args: [] },
      { syscall: 'open', arch: undefined, action: 'kill', errno: 0, args: [] },
      {
        syscall: 'socket',
        arch: 'aarch64',
        action: 'errno',
        errno: 97,
        args: [
          { index: 0, op: 'eq', value: '16' },
          { index: 2, op: 'masked_eq', value: '9', mask: '15' },
        ],
      },
    ])
  })

  it('takes a default action: of the filter for an allowlist, of the rules for a denylist', () => {
    expect(parse('2\nallowlist errno 38\nread')).toMatchObject({ default_action: 'errno', default_errno: 38, rules: [{ action: 'allow' }] })
    expect(parse('2\ndenylist errno 1\nread')).toMatchObject({ default_action: 'allow', rules: [{ action: 'errno', errno: 1 }] })
    expect(parse('2\nwhitelist')).toMatchObject({ default_action: 'kill', rules: [] })
  })

  it('reads version 1', () => {
    expect(parse('1\nallowlist\n0\n231\n')).toMatchObject({ default_action: 'kill', rules: [{ syscall: '0', action: 'allow' }, { syscall: '231' }] })
  })

  it.each([
    ['3\ndenylist', 'profile:1'],
    ['2', 'profile:2'],
    ['2\nmaybelist', 'profile:2'],
    ['1\ndenylist\n1', 'profile:2'],
    ['1\nallowlist\nread', 'profile:3'],
    ['2\ndenylist\n[vax]\nread', 'profile:3'],
    ['2\ndenylist\nread explode', 'profile:3'],
    ['2\ndenylist\nread errno 5000', 'profile:3'],
    ['2\ndenylist\nread errno', 'profile:3'],
    ['2\ndenylist\n\nread kill now', 'profile:4'],
    ['2\ndenylist\nread kill [6,1,==]', 'profile:3'],
    ['2\ndenylist\nread kill [0,1,~]', 'profile:3'],
    ['2\ndenylist\nread kill [0,18446744073709551616,==]', 'profile:3'],
    ['2\ndenylist\nread kill [0,1,&=]', 'profile:3'],
    ['2\ndenylist\nread kill [0,1,==', 'profile:3'],
  ])('refuses %j with its line', (text, place) => {
    expect(() => parse(text)).toThrow(expect.objectContaining({ code: 'CONFIG', message: expect.stringContaining(place) }))
  })

  it('says that notify is not supported', () => {
    expect(() => parse('2\ndenylist\nmknod notify')).toThrow(expect.objectContaining({ code: 'UNSUPPORTED' }))
  })

  it('never throws anything else', () => {
    const piece = fc.constantFrom('2', '1', '\n', ' ', 'denylist', 'allowlist', '[all]', '[', ']', 'read', 'errno', '1', '0x', ',', '==', 'kill', '#', '__proto__')
    fc.assert(
      fc.property(fc.oneof(fc.string(), fc.array(piece).map((pieces) => `2\ndenylist\n${pieces.join('')}`)), (text) => {
        try {
          parse(text)
        } catch (error) {
          expect(error).toBeInstanceOf(TlxcError)
        }
      }),
    )
  })
})
