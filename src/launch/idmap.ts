/** lxc.idmap: checked, so that a foolish map is refused here with its line and not by the kernel with EINVAL. */
import type { ContainerConfig, Where } from '../config/types.ts'
import { TlxcError } from '../errors.ts'
import type { IdKind, IdMap } from '../protocol/generated.ts'
import { at, type Warnings } from './input.ts'

type Mapped = IdMap & { where: Where }

/** user_namespaces(7): lines of one map, since Linux 4.15. */
const MAX_LINES = 340
const ID_END = 2 ** 32

/** Empty unless a user namespace is made (not shared). */
export function planIdmap(config: ContainerConfig, ownUserNamespace: boolean, warnings: Warnings): IdMap[] {
  if (!ownUserNamespace) return []
  for (const kind of ['uid', 'gid'] as const) checkKind(config.idmap.filter((map) => map.kind === kind), kind, warnings)
  return config.idmap.map(({ kind, ns, host, range }) => ({ kind, ns, host, range }))
}

function checkKind(maps: readonly Mapped[], kind: IdKind, warnings: Warnings): void {
  if (maps.length === 0) {
    throw new TlxcError('IDMAP', `cannot plan the id map: there is no ${kind} range`, {
      hint: `add a line "lxc.idmap = ${kind[0]} 0 100000 65536"`,
    })
  }
  if (maps.length > MAX_LINES) {
    throw new TlxcError('IDMAP', `cannot plan the id map: ${maps.length} ${kind} ranges, the kernel takes ${MAX_LINES}`)
  }
  maps.forEach((map, index) => {
    checkRange(map)
    for (const other of maps.slice(0, index)) checkOverlap(map, other)
  })
  if (maps.some((map) => map.ns === 0)) return
  warnings.add(`lxc.idmap maps no ${kind} 0: nothing in the container is root, most systems will not start`)
}

function checkRange(map: Mapped): void {
  if (map.range === 0 || map.ns + map.range > ID_END || map.host + map.range > ID_END) {
    throw new TlxcError('IDMAP', `cannot use lxc.idmap (${at(map.where)}): the range is empty or goes beyond 4294967295`)
  }
}

function checkOverlap(map: Mapped, other: Mapped): void {
  const meets = (side: 'ns' | 'host'): boolean => map[side] < other[side] + other.range && other[side] < map[side] + map.range
  if (!meets('ns') && !meets('host')) return
  const side = meets('ns') ? 'inside' : 'outside'
  throw new TlxcError('IDMAP', `cannot use lxc.idmap (${at(map.where)}): its ${map.kind} ids ${side} overlap with ${at(other.where)}`, {
    hint: 'give each line a range of its own',
  })
}
