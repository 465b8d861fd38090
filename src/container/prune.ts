/** tlxc-snapshot --prune: destroys what no rule keeps. */
import type { ContainerConfig } from '../config/types.ts'
import type { Host } from '../host/host.ts'
import { planPrune, type PruneDecision, type Retention } from '../storage/retention.ts'
import { deleteSnapshots } from './delete-snapshot.ts'
import { loadContainerConfig } from './load-config.ts'
import { requireDefined } from './require.ts'
import { listSnapshots } from './snapshots.ts'
import type { Container } from './store.ts'
import { readSystemConfig } from './system-config.ts'
import type { StorageContext } from './storage-context.ts'

/** keep: null for what the configuration says. Resolves with what stays and goes, and why. */
export async function pruneSnapshots(ctx: StorageContext, container: Container, keep: Retention | null, dryRun: boolean): Promise<PruneDecision[]> {
  requireDefined(ctx.host, container)
  const rules = keep ?? configured(ctx.host, container)
  const decisions = planPrune(listSnapshots(ctx.host, container), rules)
  const doomed = decisions.filter(({ kept }) => !kept).map(({ name }) => name)
  if (!dryRun && doomed.length > 0) await deleteSnapshots(ctx, container, doomed)
  return decisions
}

/** The container's own rules before the system's, rule by rule. */
function configured(host: Host, container: Container): Retention {
  const { snapshot: system } = readSystemConfig(host)
  const own: ContainerConfig['own'] = loadContainerConfig(host, container).value.own
  const rule = (name: 'last' | 'hourly' | 'daily' | 'weekly' | 'monthly', fallback: number | undefined): Retention => {
    const value = own[`tlxc.snapshot.keep.${name}`]
    const number = value === undefined ? fallback : Number(value)
    return number === undefined ? {} : { [name]: number }
  }
  return {
    ...rule('last', system.keepLast), ...rule('hourly', system.keepHourly), ...rule('daily', system.keepDaily),
    ...rule('weekly', system.keepWeekly), ...rule('monthly', system.keepMonthly),
  }
}
