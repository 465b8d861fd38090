/** One container in a list of them. */
import type { State } from '../protocol/generated.ts'
import type { QuickConfig } from './quick-config.ts'

export interface Listed {
  name: string
  /** Names of the containers around it, outermost first. */
  parents: readonly string[]
  state: State
  pid: number | null
  ramBytes: number | null
  swapBytes: number | null
  config: QuickConfig | null
  interfaces: readonly string[]
  /** Addresses that others can reach: not those of lo, no link-local ones of IPv6. */
  ipv4: readonly string[]
  ipv6: readonly string[]
}
