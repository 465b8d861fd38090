import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { parseSystemConfig, systemItems } from '../../../src/config/system-config.ts'
import { SYSTEM_ROWS } from '../../../src/config/schema/system.ts'
import { TlxcError } from '../../../src/errors.ts'

const caught = (text: string): TlxcError => {
  try {
    parseSystemConfig(text, '/etc/tlxc/tlxc.conf')
  } catch (error) {
    if (error instanceof TlxcError) return error
    throw error
  }
  throw new Error('nothing was refused')
}

describe('parseSystemConfig', () => {
  it('has defaults for an empty file', () => {
    expect(parseSystemConfig('')).toEqual({
      network: { bridge: 'tlxcbr0', ipv4: 'auto', ipv6: 'none', domain: 'tlxc', nat: true },
      idmap: null,
      create: { privileged: false, storage: 'overlay' },
      trash: { keep: 86_400_000 },
      snapshot: { keepUndo: 604_800_000 },
    })
  })

  it('reads flat keys of LXC and sections of ours', () => {
    const text =
      '# ours\nlxc.lxcpath = /srv/c\nlxc.cgroup.use = memory, cpu\nlxc.cgroup.pattern = lab/%n\nlxc.bdev.lvm.vg = vg0\n' +
      '[network]\nbridge = br9\nipv4 = 10.9.0.1/16\nnat = 0\nmtu = 1400\n[idmap]\nstart = 1000000\ncount = 655360\n[create]\nprivileged = 1\n' +
      '[snapshot]\nkeep.daily = 7\nkeep.weekly = 0\nkeep.undo = 36h\n'
    expect(parseSystemConfig(text)).toEqual({
      lxcpath: '/srv/c',
      cgroupUse: ['memory', 'cpu'],
      cgroupPattern: 'lab/%n',
      network: { bridge: 'br9', ipv4: '10.9.0.1/16', ipv6: 'none', domain: 'tlxc', nat: false, mtu: 1400 },
      idmap: { start: 1000000, count: 655360 },
      create: { privileged: true, storage: 'overlay' },
      trash: { keep: 86_400_000 },
      snapshot: { keepDaily: 7, keepWeekly: 0, keepUndo: 129_600_000 },
    })
  })

  it.each(SYSTEM_ROWS.map((row) => [row.name, row.example] as const))('takes the example of %s', (name, example) => {
    const [section = '', key = ''] = name.startsWith('lxc.') ? ['', name] : [name.slice(0, name.indexOf('.')), name.slice(name.indexOf('.') + 1)]
    const rest = section === 'idmap' ? 'start = 1000000\ncount = 6553600\n' : ''
    expect(() => parseSystemConfig(`${section === '' ? '' : `[${section}]\n${rest}`}${rest === '' ? `${key} = ${example}\n` : ''}`)).not.toThrow()
  })

  it.each([
    ['\nlxc.lxcpth = /x', 'cannot use "/etc/tlxc/tlxc.conf:2": there is no setting lxc.lxcpth', 'did you mean lxc.lxcpath?'],
    ['[network]\nbridge = b\nipv4 = 10.0.0.0', 'cannot use "/etc/tlxc/tlxc.conf:3": network.ipv4: "10.0.0.0" is not auto', 'network.ipv4 takes auto'],
    ['[idmap]\nstart = 5', 'cannot use "/etc/tlxc/tlxc.conf:2": idmap.start is set without idmap.count', 'add count = N to [idmap]'],
    ['[create]\nstorage = zfs', 'create.storage: "zfs" is not overlay, dir, btrfs or best', 'create.storage takes overlay, dir, btrfs or best'],
    ['[create]\nprivileged[] = 1', 'there is no setting create.privileged[]', 'did you mean create.privileged?'],
    ['[nonsense]\na = 1', 'there is no setting nonsense.a', ''],
  ])('refuses %j with place and mend', (text, message, hint) => {
    const error = caught(text)
    expect(error.code).toBe('CONFIG')
    expect(error.message).toContain(message)
    expect(error.hint).toContain(hint)
  })

  it('throws nothing but CONFIG, whatever is in the file', () => {
    const part = fc.oneof(fc.string(), fc.constantFrom(...SYSTEM_ROWS.map(({ name }) => name), '=', '\n', '[network]', '[idmap]', '__proto__'))
    fc.assert(
      fc.property(fc.array(part), (parts) => {
        try {
          parseSystemConfig(parts.join(''))
        } catch (error) {
          expect(error).toBeInstanceOf(TlxcError)
          expect((error as TlxcError).message).not.toContain('\n')
        }
      }),
      { numRuns: 1000 },
    )
  })
})

describe('systemItems', () => {
  it('lists what lxc-config lists, in its order, with what is in force', () => {
    const builtIn = { lxcpath: '/var/lib/tlxc', defaultConfig: '/etc/tlxc/default.conf' }
    expect(systemItems('lxc.lxcpath = /srv\n', builtIn).map(({ name, value }) => `${name} ${value}`)).toEqual([
      'lxc.default_config /etc/tlxc/default.conf',
      'lxc.lxcpath /srv',
      'lxc.bdev.lvm.vg lxc',
      'lxc.bdev.lvm.thin_pool lxc',
      'lxc.bdev.zfs.root lxc',
      'lxc.cgroup.use null',
      'lxc.cgroup.pattern null',
    ])
  })
})
