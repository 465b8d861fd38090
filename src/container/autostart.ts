/** Which containers an autostart acts on, and in which order. */
import { QuickConfigs, type QuickConfig } from './quick-config.ts'
import type { Host } from '../host/host.ts'
import { compareBytes, containerAt, listNames, type Container } from './store.ts'

export interface AutostartChoice {
  /** -a: whatever the groups. */
  all: boolean
  /** -A: lxc.start.auto does not matter. */
  ignoreAuto: boolean
  /** -g: in this order; '' is those without a group. null: only those without a group. */
  groups: readonly string[] | null
  /** Stopping goes the other way round. */
  reverse: boolean
}

export interface Chosen {
  container: Container
  config: QuickConfig
}

/** By lxc.start.order, then by name; with groups, group by group, each container once. Group names match exactly. */
export function chooseAutostart(host: Host, lxcpath: string, choice: AutostartChoice): Chosen[] {
  const configs = new QuickConfigs(host)
  const candidates = listNames(host, lxcpath)
    .map((name) => containerAt(host, lxcpath, name))
    .map((container): Chosen => ({ container, config: configs.read(container.configFile) }))
    .filter(({ config }) => choice.ignoreAuto || config.autostart)
    .sort((a, b) => a.config.order - b.config.order || compareBytes(a.container.name, b.container.name))
  if (choice.reverse) candidates.reverse()
  if (choice.all) return candidates
  const chosen = (choice.groups ?? ['']).flatMap((group) => candidates.filter(({ config }) => isMember(config, group)))
  return [...new Set(chosen)]
}

function isMember({ groups }: QuickConfig, group: string): boolean {
  return group === '' ? groups.length === 0 : groups.includes(group)
}
