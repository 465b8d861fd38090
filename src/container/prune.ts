/** tlxc-snapshot --prune: destroys what no rule keeps. */
import { planPrune, retentionOf, type PruneDecision, type Retention } from '../storage/retention.ts'
import { deleteChosen } from './delete-snapshot.ts'
import { loadContainerConfig } from './load-config.ts'
import { requireDefined } from './require.ts'
import { listSnapshots } from './snapshots.ts'
import type { Container } from './store.ts'
import { readSystemConfig } from './system-config.ts'
import type { StorageContext } from './storage-context.ts'

/** keep: null for what the configuration says. Resolves with what stays and goes, and why. */
export async function pruneSnapshots(ctx: StorageContext, container: Container, keep: Retention | null, dryRun: boolean): Promise<PruneDecision[]> {
  requireDefined(ctx.host, container)
  const rules = keep ?? retentionOf({}, loadContainerConfig(ctx.host, container).value.own, readSystemConfig(ctx.host).snapshot)
  let decisions = planPrune(listSnapshots(ctx.host, container), rules)
  if (dryRun || decisions.every(({ kept }) => kept)) return decisions
  // Once more, under the lock: a name may be another snapshot's by then.
  await deleteChosen(ctx, container, (snapshots) => {
    decisions = planPrune(snapshots, rules)
    return decisions.filter(({ kept }) => !kept).map(({ name }) => name)
  })
  return decisions
}
