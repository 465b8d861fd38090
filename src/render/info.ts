/** The lines and the JSON of tlxc-info, in LXC's shape. Pure. */
import type { Stats } from '../container/stats.ts'
import type { Container } from '../container/store.ts'
import type { InterfaceStatus, Status } from '../protocol/generated.ts'
import { renderSeconds, renderSize } from './size.ts'

export interface InfoParts {
  name: boolean
  state: boolean
  pid: boolean
  ips: boolean
  stats: boolean
}

/** raw: -H. status null: stopped. */
export function renderInfo(name: string, status: Status | null, stats: Stats, parts: InfoParts, raw: boolean): string {
  const bare = raw && !parts.stats && [parts.state, parts.pid, parts.ips].filter(Boolean).length === 1
  const line = (label: string, value: string): string => (bare ? `${value}\n` : `${label.padEnd(15)} ${value}\n`)
  let text = parts.name ? line('Name:', name) : ''
  if (parts.state) text += line('State:', status?.state ?? 'STOPPED')
  if (!status) return text
  if (parts.pid && status.init_pid > 0) text += line('PID:', String(status.init_pid))
  if (parts.ips) for (const address of reachable(status.interfaces)) text += line('IP:', address)
  return parts.stats ? text + renderStats(status, stats, raw) : text
}

export function infoAsJson(container: Container, status: Status | null, stats: Stats): object {
  return {
    name: container.name,
    lxcpath: container.lxcpath,
    state: status?.state ?? 'STOPPED',
    pid: status && status.init_pid > 0 ? status.init_pid : null,
    monitor_pid: status?.monitor_pid ?? null,
    started_ms: status && status.started > 0 ? status.started : null,
    ips: status ? reachable(status.interfaces) : [],
    stats: {
      cpu_nanoseconds: stats.cpuNanoseconds ?? null,
      blkio_bytes: stats.blkioBytes ?? null,
      memory_bytes: stats.memoryBytes ?? null,
      kernel_memory_bytes: stats.kernelMemoryBytes ?? null,
      swap_bytes: stats.swapBytes ?? null,
    },
    interfaces: (status?.interfaces ?? []).map((net) => ({
      name: net.name,
      host_name: net.host_name ?? null,
      rx_bytes: net.rx_bytes,
      tx_bytes: net.tx_bytes,
      addresses: net.addresses.map(({ family, address, prefix }) => ({ family, address, prefix })),
    })),
  }
}

function renderStats(status: Status, stats: Stats, raw: boolean): string {
  const size = (bytes: number): string => (raw ? String(bytes) : renderSize(bytes))
  const line = (label: string, value: string): string => `${label.padEnd(15)} ${value}\n`
  let text = ''
  if (stats.cpuNanoseconds !== undefined) text += line('CPU use:', raw ? String(stats.cpuNanoseconds) : renderSeconds(stats.cpuNanoseconds))
  if (stats.blkioBytes !== undefined) text += line('BlkIO use:', size(stats.blkioBytes))
  if (stats.memoryBytes !== undefined) text += line('Memory use:', size(stats.memoryBytes))
  if (stats.kernelMemoryBytes !== undefined) text += line('KMem use:', size(stats.kernelMemoryBytes))
  for (const net of status.interfaces) {
    if (!net.host_name) continue
    text += line('Link:', net.host_name) + line(' TX bytes:', size(net.tx_bytes)) + line(' RX bytes:', size(net.rx_bytes))
    text += line(' Total bytes:', size(net.tx_bytes + net.rx_bytes))
  }
  return text
}

/** IPv4 first, then IPv6 of global scope; not those of lo [lxcapi get_ips]. */
function reachable(interfaces: readonly InterfaceStatus[]): string[] {
  const all = interfaces.filter(({ name }) => name !== 'lo').flatMap((net) => net.addresses)
  return [...all.filter(({ family }) => family === 4), ...all.filter(({ family, scope }) => family === 6 && scope === 0)].map(({ address }) => address)
}
