/** Values as `lxc-info -c KEY` prints them, its oddities included: scripts compare these bytes. */
import { personalityOf } from './codecs/kernel.ts'
import { NAMESPACE_VALUES } from '../protocol/generated.ts'
import { requiredNetType } from './schema/network.ts'
import { uint } from './codecs/number.ts'
import { words } from './codecs/text.ts'
import { findKey, netIndexOf, subkeyOf, type KeyRow } from './schema.ts'
import type { LoadedConfig, NetConfig } from './types.ts'

/** What a value can depend on beyond the configuration. */
export interface QueryContext {
  /** For lxc.environment = NAME. */
  env?: Readonly<Record<string, string | undefined>>
  /** Default of lxc.rootfs.mount. */
  rootfsMount?: string
}

/** The value; '' when it is not set and has no default; null: "KEY invalid". */
export function formatValue(loaded: LoadedConfig, key: string, context: QueryContext = {}): string | null {
  const row = findKey(key)
  if (!row || NOT_TO_BE_ASKED.has(row.key) || !isThere(loaded, key)) return null
  if (row.prefix) return formatPrefix(loaded, row, key)
  const special = SPECIAL[row.key]
  if (special) return special(loaded, key, context)
  const raws = rawValues(loaded, key)
  if (raws.length === 0) return row.unset ?? ''
  const values = raws.map((raw) => canonical(row, raw))
  return row.repeat === 'scalar' ? (values.at(-1) ?? '') : values.join('\n') + (WITHOUT_NEWLINE.has(row.key) ? '' : '\n')
}

const NOT_TO_BE_ASKED = new Set(['lxc.include', 'lxc.hook', 'lxc.net.N'])

/** Lists after which LXC prints no newline of its own. */
const WITHOUT_NEWLINE = new Set([
  'lxc.idmap', 'lxc.net.N.ipv4.address', 'lxc.net.N.ipv6.address', 'lxc.net.N.veth.ipv4.route', 'lxc.net.N.veth.ipv6.route',
  'lxc.net.N.veth.vlan.tagged.id',
])

const rawValues = (loaded: LoadedConfig, key: string): string[] => (loaded.entries.get(key) ?? []).map(({ raw }) => raw)

/** Kept as written: LXC stores these as text. */
const VERBATIM = new Set(['lxc.log.syslog', 'lxc.init.cmd', 'lxc.execute.cmd', 'lxc.rootfs.options', 'lxc.mount.entry', 'lxc.net.N.mtu'])

function canonical(row: KeyRow, raw: string): string {
  if (VERBATIM.has(row.key)) return raw
  const parts = row.repeat === 'words' ? words(raw) : [raw]
  return parts.map((part) => row.codec.format(row.codec.parse(part))).join('\n')
}

/** Keys of an interface that is not there, or of another type, are invalid. */
function isThere(loaded: LoadedConfig, key: string): boolean {
  if (netIndexOf(key) === null) return true
  const net = netOf(loaded, key)
  const needed = requiredNetType(key)
  return net !== undefined && (needed === null || net.type === needed)
}

function formatPrefix(loaded: LoadedConfig, row: KeyRow, key: string): string | null {
  const isShare = row.key === 'lxc.namespace.share'
  if (subkeyOf(row, key) === null) {
    if (isShare) return null
    const lines = [...loaded.entries].filter(([name]) => findKey(name) === row)
    return lines.flatMap(([name, entries]) => entries.map(({ raw }) => `${name} = ${raw.trim()}\n`)).join('')
  }
  if (isShare && !NAMESPACE_VALUES.some((name) => key === `${row.key}.${name}`)) return null
  const values = rawValues(loaded, key).map((raw) => canonical(row, raw))
  if (values.length === 0) return row.unset ?? ''
  return row.repeat === 'list' ? `${values.join('\n')}\n` : (values.at(-1) ?? '')
}

type Formatter = (loaded: LoadedConfig, key: string, context: QueryContext) => string

/** drop and keep are one list in LXC: both keys print it. */
const capabilities: Formatter = (loaded) => {
  const names = ['lxc.cap.drop', 'lxc.cap.keep'].flatMap((key) => rawValues(loaded, key).flatMap(words))
  return names.slice(names.lastIndexOf('none') + 1).map((name) => `${name}\n`).join('')
}

const namespaceSet =
  (field: 'namespaceClone' | 'namespaceKeep'): Formatter =>
  ({ value }) =>
    SHOWN_NAMESPACES.filter((name) => value[field]?.includes(name))
      .map((name) => `${name}\n`)
      .join('')
const SHOWN_NAMESPACES = ['user', 'mnt', 'pid', 'uts', 'ipc', 'net', 'cgroup', 'time'] as const

/** Seconds or nanoseconds, by the unit it was written in; boot has a blank before the unit, monotonic has none (sic). */
const timeOffset =
  (field: 'timeOffsetBoot' | 'timeOffsetMonotonic', blank: string): Formatter =>
  (loaded, key) => {
    const offset = loaded.value[field] ?? 0
    const inSeconds = offset !== 0 && /[0-9][ \t]*[hms]$/.test(rawValues(loaded, key).at(-1) ?? '')
    return inSeconds ? `${offset / 1e9}${blank}s\n` : `${offset}${blank}ns\n`
  }

/** Fixed order; what was asked for with :force, cgroup2 and shmounts are never shown. */
const mountAuto: Formatter = ({ value }) => {
  const tokens = value.mountAuto.map(({ token }) => (token === 'proc' || token === 'sys' ? `${token}:mixed` : token))
  const shown = ['proc:', 'sys:', 'cgroup'].flatMap((prefix) => tokens.filter((token) => token.startsWith(prefix)))
  return shown.filter((token) => !token.endsWith(':force') && !token.startsWith('cgroup2')).join(' ')
}

const environment =
  (field: 'environment' | 'environmentRuntime' | 'environmentHooks'): Formatter =>
  ({ value }, _key, { env }) =>
    value[field].map(({ entry }) => (entry.includes('=') ? `${entry}\n` : `${entry}=${env?.[entry] ?? ''}\n`)).join('')

const SPECIAL: Readonly<Record<string, Formatter>> = {
  'lxc.arch': ({ value }) => (value.arch === undefined ? '' : personalityOf(value.arch) === 'linux32' ? 'i686' : 'x86_64'),
  'lxc.rootfs.path': ({ value }) => value.rootfs?.path ?? '',
  'lxc.rootfs.mount': ({ value }, _key, { rootfsMount }) => value.rootfsMount ?? rootfsMount ?? '',
  'lxc.monitor.unshare': (loaded, key) => uint.format(uint.parse(rawValues(loaded, key).at(-1) ?? '0')),
  'lxc.cap.drop': capabilities,
  'lxc.cap.keep': capabilities,
  'lxc.namespace.clone': namespaceSet('namespaceClone'),
  'lxc.namespace.keep': namespaceSet('namespaceKeep'),
  'lxc.time.offset.boot': timeOffset('timeOffsetBoot', ' '),
  'lxc.time.offset.monotonic': timeOffset('timeOffsetMonotonic', ''),
  'lxc.mount.auto': mountAuto,
  'lxc.environment': environment('environment'),
  'lxc.environment.runtime': environment('environmentRuntime'),
  'lxc.environment.hooks': environment('environmentHooks'),
  'lxc.net': ({ value }) => value.network.map(({ type }) => `${type}\n`).join(''),
  'lxc.net.N.type': (loaded, key) => netOf(loaded, key)?.type ?? '',
  'lxc.net.N.name': (loaded, key) => rawValues(loaded, key).at(-1) ?? (isEmptyOnPurpose(loaded, key) ? 'lo' : ''),
  'lxc.net.N.ipv4.address': (loaded, key) =>
    (netOf(loaded, key)?.ipv4 ?? []).map(({ address, prefix }) => `${address}/${prefix}`).join('\n'),
  'lxc.net.N.veth.vlan.id': (loaded, key) => rawValues(loaded, key).at(-1)?.replace('none', '-1') ?? '0',
}

function netOf({ value }: LoadedConfig, key: string): NetConfig | undefined {
  return value.network.find(({ index }) => index === netIndexOf(key))
}

function isEmptyOnPurpose(loaded: LoadedConfig, key: string): boolean {
  return rawValues(loaded, key.replace(/name$/, 'type')).at(-1) === 'empty'
}
