/** The table and the JSON of tlxc-ls. Pure. */
import type { Listed } from '../container/listed.ts'
import { renderMegabytes } from './size.ts'
import { renderTable, type Column } from './table.ts'

export const LIST_COLUMNS = ['NAME', 'STATE', 'PID', 'RAM', 'SWAP', 'AUTOSTART', 'GROUPS', 'INTERFACE', 'IPV4', 'IPV6', 'UNPRIVILEGED'] as const
export type ListColumn = (typeof LIST_COLUMNS)[number]
export const DEFAULT_COLUMNS: readonly ListColumn[] = ['NAME', 'STATE', 'AUTOSTART', 'GROUPS', 'IPV4', 'IPV6', 'UNPRIVILEGED']

export function renderList(listed: readonly Listed[], columns: readonly ListColumn[]): string {
  const headers: Column[] = columns.map((header) => (header === 'RAM' || header === 'SWAP' ? { header, align: 'right', minWidth: 6 } : { header }))
  return renderTable(headers, listed.map((container) => columns.map((column) => CELLS[column](container) || '-')))
}

/** One element of "containers" of tlxc/ls/1. */
export function listedAsJson(listed: Listed): object {
  return {
    name: listed.name,
    parents: listed.parents,
    state: listed.state,
    pid: listed.pid,
    ram_bytes: listed.ramBytes,
    swap_bytes: listed.swapBytes,
    autostart: listed.config?.autostart ?? false,
    groups: listed.config?.groups ?? [],
    interfaces: listed.interfaces,
    ipv4: listed.ipv4,
    ipv6: listed.ipv6,
    unprivileged: listed.config?.unprivileged ?? false,
  }
}

const CELLS: Readonly<Record<ListColumn, (listed: Listed) => string>> = {
  NAME: ({ name, parents }) => '\\'.repeat(parents.length) + name,
  STATE: ({ state }) => state,
  PID: ({ pid }) => (pid === null ? '' : String(pid)),
  RAM: ({ ramBytes }) => (ramBytes === null ? '' : renderMegabytes(ramBytes)),
  SWAP: ({ swapBytes }) => (swapBytes === null ? '' : renderMegabytes(swapBytes)),
  AUTOSTART: ({ config }) => (config?.autostart ? '1' : '0'),
  GROUPS: ({ config }) => config?.groups.join(', ') ?? '',
  INTERFACE: ({ interfaces }) => interfaces.join(', '),
  IPV4: ({ ipv4 }) => ipv4.join(', '),
  IPV6: ({ ipv6 }) => ipv6.join(', '),
  UNPRIVILEGED: ({ config }) => String(config?.unprivileged ?? false),
}
