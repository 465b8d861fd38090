/** /etc/tlxc/tlxc.conf: flat lxc.* keys as in LXC's lxc.conf(5), and sections of our own. The only importer of ini. */
import { parse } from 'ini'
import { TlxcError } from '../errors.ts'
import { closest } from './closest.ts'
import { ValueError, type Codec } from './codecs/codec.ts'
import { SYSTEM_ROWS, type SystemConfig, type SystemRow } from './schema/system.ts'

export type { SystemConfig } from './schema/system.ts'

/** Defaults for what the text does not set. Throws CONFIG for an unknown section or key, or a bad value; `file` is for the message. */
export function parseSystemConfig(text: string, file = '/etc/tlxc/tlxc.conf'): SystemConfig {
  const values = flatten(parse(text))
  for (const name of values.keys()) if (!SYSTEM_ROWS.some((row) => row.name === name)) throw unknown(name, text, file)
  const sections: Record<string, Record<string, unknown>> = { lxc: {}, network: {}, idmap: {}, create: {}, snapshot: {}, trash: {} }
  for (const row of SYSTEM_ROWS) {
    const raw = values.get(row.name) ?? ''
    const value = raw === '' ? row.default : read(row, raw, text, file)
    const section = sections[row.name.slice(0, row.name.indexOf('.'))]
    if (value !== undefined && row.field !== undefined && section) section[row.field] = value
  }
  const { lxc, network, idmap, create, snapshot, trash } = sections
  return { ...lxc, network, idmap: pool(idmap ?? {}, text, file), create, snapshot, trash } as unknown as SystemConfig
}

/** Items of tlxc-config -l in LXC's order, with what is in force; null: "ITEM is not set." */
export function systemItems(text: string, builtIn: { lxcpath: string; defaultConfig: string }): { name: string; value: string | null }[] {
  const values = flatten(parse(text))
  const defaults: Readonly<Record<string, string>> = { 'lxc.lxcpath': builtIn.lxcpath, 'lxc.default_config': builtIn.defaultConfig }
  return LXC_ITEMS.map((name) => {
    const fallback = SYSTEM_ROWS.find((row) => row.name === name)?.default
    return { name, value: values.get(name) || (defaults[name] ?? (typeof fallback === 'string' ? fallback : null)) }
  })
}

const LXC_ITEMS = [
  'lxc.default_config', 'lxc.lxcpath', 'lxc.bdev.lvm.vg', 'lxc.bdev.lvm.thin_pool', 'lxc.bdev.zfs.root',
  'lxc.cgroup.use', 'lxc.cgroup.pattern',
]

function pool({ start, count }: Record<string, unknown>, text: string, file: string): SystemConfig['idmap'] {
  if (typeof start === 'number' && typeof count === 'number') return { start, count }
  if (start === undefined && count === undefined) return null
  const [given, missing] = start === undefined ? ['idmap.count', 'start'] : ['idmap.start', 'count']
  throw new TlxcError('CONFIG', `cannot use "${file}:${lineOf(given, text)}": ${given} is set without idmap.${missing}`, {
    hint: `add ${missing} = N to [idmap]`,
  })
}

/** ini gives sections as objects; keys with dots stay flat. What is nested deeper (`key[] = `, `[a.b]`) gets a name that no row has. */
function flatten(parsed: Record<string, unknown>): Map<string, string> {
  const values = new Map<string, string>()
  for (const [name, value] of Object.entries(parsed)) {
    const section = typeof value === 'object' && value !== null
    for (const [key, inner] of section ? Object.entries(value) : [['', value] as const]) {
      const nested = typeof inner === 'object' && inner !== null
      values.set(name + (section ? `.${key}` : '') + (nested ? '[]' : ''), nested ? '' : String(inner))
    }
  }
  return values
}

function read(row: SystemRow, raw: string, text: string, file: string): unknown {
  try {
    return (row.codec as Codec<unknown>).parse(raw)
  } catch (error) {
    if (!(error instanceof ValueError)) throw error
    throw new TlxcError('CONFIG', `cannot use "${file}:${lineOf(row.name, text)}": ${row.name}: ${error.message}`, {
      hint: error.hint ?? `${row.name} takes ${row.codec.expects}`,
    })
  }
}

function unknown(name: string, text: string, file: string): TlxcError {
  const suggestion = closest(name, SYSTEM_ROWS.map((row) => row.name))
  return new TlxcError('CONFIG', `cannot use "${file}:${lineOf(name, text)}": there is no setting ${name}`, {
    hint: suggestion === undefined ? 'see tlxc.conf(5)' : `did you mean ${suggestion}?`,
  })
}

/** ini keeps no line numbers. */
function lineOf(name: string, text: string): number {
  let section = ''
  const index = text.split('\n').findIndex((line) => {
    const heading = /^\s*\[([^\]]*)\]/.exec(line)
    if (heading) section = `${heading[1]?.trim() ?? ''}.`
    return section + (line.split('=')[0]?.trim() ?? '') === name
  })
  return index + 1
}
