/** All rows together, and how a key finds its row. */
import { CGROUP, LIMIT_SUBKEYS } from './schema/limits.ts'
import { CONSOLE } from './schema/console.ts'
import { HOOKS, HOOK_CLEAR, HOOK_OPTIONS } from './schema/hooks.ts'
import { IDENTITY, LIFECYCLE } from './schema/identity.ts'
import { LEGACY_NAMES } from './schema/legacy.ts'
import { MOUNTS, NAMESPACES, NAMESPACE_SETS, NAMESPACE_SUBKEYS } from './schema/mounts.ts'
import { NETWORK, NETWORK_CLEAR } from './schema/network.ts'
import { INCLUDE, OWN } from './schema/own.ts'
import { CAP_KEEP, NOTIFICATION, SECURITY } from './schema/security.ts'
import type { KeyRow } from './schema/row.ts'
import { closest } from './closest.ts'

export type { KeyRow } from './schema/row.ts'

const rows = (...families: readonly Readonly<Record<string, KeyRow>>[]): KeyRow[] => families.flatMap((family) => Object.values(family))

/** Every key that there is, as the manual page groups them. */
export const KEY_GROUPS: readonly { title: string; rows: readonly KeyRow[] }[] = [
  { title: 'Identity and first process', rows: rows(IDENTITY) },
  { title: 'Life', rows: rows(LIFECYCLE) },
  { title: 'Namespaces and ids', rows: rows(NAMESPACE_SETS, NAMESPACE_SUBKEYS, NAMESPACES) },
  { title: 'Root filesystem and mounts', rows: rows(MOUNTS) },
  { title: 'Console and terminals', rows: rows(CONSOLE) },
  { title: 'Network', rows: [...rows(NETWORK), ...NETWORK_CLEAR] },
  { title: 'Control groups and limits', rows: rows(CGROUP, LIMIT_SUBKEYS) },
  { title: 'Security', rows: rows(SECURITY, CAP_KEEP, NOTIFICATION) },
  { title: 'Hooks', rows: [...rows(HOOKS, HOOK_OPTIONS), HOOK_CLEAR] },
  { title: 'Other', rows: [INCLUDE, ...rows(OWN)] },
]

export const KEYS: readonly KeyRow[] = KEY_GROUPS.flatMap((group) => group.rows)

const EXACT = new Map(KEYS.map((row) => [row.key, row]))
const PREFIXES = KEYS.filter((row) => row.prefix)

/** The row of a key as written in a file (lxc.net.3.type, lxc.cgroup2.memory.max); exact keys go before prefixes. */
export function findKey(key: string): KeyRow | undefined {
  return EXACT.get(key.replace(/^lxc\.net\.[0-9]+(?=\.|$)/, 'lxc.net.N')) ?? PREFIXES.find((row) => subkeyOf(row, key) !== null)
}

/** What follows the row's key ("memory.max"), or null when the key is not below it. */
export function subkeyOf(row: KeyRow, key: string): string | null {
  return row.prefix && key.startsWith(`${row.key}.`) && key.length > row.key.length + 1 ? key.slice(row.key.length + 1) : null
}

/** N of lxc.net.N.… */
export function netIndexOf(key: string): number | null {
  const match = /^lxc\.net\.([0-9]{1,9})(?:\.|$)/.exec(key)
  return match ? Number(match[1]) : null
}

/** The key that was probably meant, or undefined. */
export function suggestKey(key: string): string | undefined {
  const index = netIndexOf(key) ?? 0
  const known = [...EXACT.keys(), ...Object.keys(LEGACY_NAMES)].map((name) => name.replace('lxc.net.N', `lxc.net.${index}`))
  const found = closest(key, known)
  // Who mistypes an old name had better learn the new one.
  return found === undefined ? undefined : (LEGACY_NAMES[found] ?? found)
}
