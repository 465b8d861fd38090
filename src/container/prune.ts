/** tlxc-snapshot --prune: destroys what no rule keeps, and frees what a restore put aside long enough ago. */
import { duration } from '../config/codecs/duration.ts'
import { planPrune, retentionOf, type PruneDecision, type Retention } from '../storage/retention.ts'
import { asideOf, dropAside, type PutAside } from './aside.ts'
import { deleteChosen } from './delete-snapshot.ts'
import { loadContainerConfig } from './load-config.ts'
import { requireDefined } from './require.ts'
import { listSnapshots } from './snapshots.ts'
import type { Container } from './store.ts'
import { readSystemConfig } from './system-config.ts'
import type { StorageContext } from './storage-context.ts'

/** null: what the configuration says. */
export interface PruneRules {
  snapshots: Retention | null
  /** How long a restore can be taken back, milliseconds. */
  undo: number | null
}

export interface Pruned {
  decisions: PruneDecision[]
  /** What a restore put aside; null: nothing. */
  aside: (PutAside & { kept: boolean; keep: number }) | null
}

/** Resolves with what stays and goes, and why. */
export async function pruneSnapshots(ctx: StorageContext, container: Container, given: PruneRules, dryRun: boolean): Promise<Pruned> {
  const { host } = ctx
  requireDefined(host, container)
  const { own } = loadContainerConfig(host, container).value
  const { snapshot: system } = readSystemConfig(host)
  const decisions = await pruneByRules(ctx, container, given.snapshots ?? retentionOf({}, own, system), dryRun)
  const ownUndo = own['tlxc.snapshot.keep.undo']
  const keep = given.undo ?? (ownUndo === undefined ? system.keepUndo : duration.parse(ownUndo))
  const isOld = ({ at }: PutAside): boolean => at < host.now() - keep
  const aside = asideOf(host, container)
  if (aside === null) return { decisions, aside }
  const kept = !isOld(aside)
  // The snapshots first: on a full disk their removal makes the room that writing this down needs.
  if (!kept && !dryRun) await dropAside(ctx, container, isOld)
  return { decisions, aside: { restored: aside.restored, at: aside.at, kept, keep } }
}

async function pruneByRules(ctx: StorageContext, container: Container, rules: Retention, dryRun: boolean): Promise<PruneDecision[]> {
  let decisions = planPrune(listSnapshots(ctx.host, container), rules)
  if (dryRun || decisions.every(({ kept }) => kept)) return decisions
  // Once more, under the lock: a name may be another snapshot's by then.
  await deleteChosen(ctx, container, (snapshots) => {
    decisions = planPrune(snapshots, rules)
    return decisions.filter(({ kept }) => !kept).map(({ name }) => name)
  })
  return decisions
}
