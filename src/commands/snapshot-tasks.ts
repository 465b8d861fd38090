/** What tlxc-snapshot does, one function a task. */
import type { Context, ParsedArgs } from '../cli/command.ts'
import { systemTrouble } from '../cli/system-error.ts'
import { ValueError } from '../config/codecs/codec.ts'
import { duration } from '../config/codecs/duration.ts'
import { TlxcError } from '../errors.ts'
import { EXIT } from '../exit-codes.ts'
import { selectContainers, type Selection } from '../container/select.ts'
import type { Container } from '../container/store.ts'
import { renderJson } from '../render/json.ts'
import { startProgress } from '../render/progress.ts'
import { RETENTION_RULES, type Retention, type RetentionRule } from '../storage/retention.ts'
import { loadRcfile, rcfilePath } from './rcfile.ts'
import { readComment } from './snapshot-comment.ts'

export type Task = 'take' | 'list' | 'tree' | 'restore' | 'undo' | 'destroy' | 'diff' | 'browse' | 'release' | 'prune' | 'squash'

/** What the options say, read once, before the first container. */
interface Given {
  comment: string | null
  /** null: the configuration decides. */
  keep: Retention | null
  /** How long a restore can be taken back, milliseconds; null: the configuration decides. */
  keepUndo: number | null
}

export interface TaskRequest {
  args: ParsedArgs
  ctx: Context
  selection: Selection
  /** Name for the new snapshot. */
  snapshot: string | null
  positionals: readonly string[]
  /** More than one container may be meant. */
  many: boolean
}

type TaskInput = TaskRequest & Given

/** One element of "results" of tlxc/snapshot/1, without the container's name. */
export type TaskResult = Record<string, unknown>
type Act = (container: Container, input: TaskInput) => Promise<TaskResult>

export async function runTask(task: Task, request: TaskRequest): Promise<number> {
  const { ctx, args, selection, many, positionals } = request
  const allowed = task === 'restore' || task === 'diff' ? 1 : 0
  if (positionals.length > allowed) throw new TlxcError('USAGE', `unexpected argument '${positionals[allowed] ?? ''}'`, { hint: `${ctx.program} --help lists the options` })
  const newNames = task === 'restore' ? [args.options.newname, ...positionals].filter((one) => one !== undefined) : []
  if (newNames.length > 1) throw new TlxcError('USAGE', `cannot restore to two names: ${newNames.join(' and ')}`, { hint: 'give one of them' })
  if (newNames.length > 0 && many) throw new TlxcError('USAGE', `cannot make one container "${String(newNames[0])}" of several`, { hint: 'restore them one by one' })
  const input = { ...request, comment: await readComment(args, ctx), keep: keepOf(args), keepUndo: keepUndoOf(args) }
  const containers = await selectContainers(ctx.host, ctx.lxcpath, selection)
  for (const container of containers) await loadRcfile(args, ctx, container)
  const results: TaskResult[] = []
  let failed = 0
  for (const container of containers) {
    if (ctx.signal.aborted) throw new TlxcError('INTERRUPTED', 'cannot go on: interrupted', { exitCode: 130 })
    const progress = startProgress(ctx.stderr, `${container.name}: ${task}`)
    try {
      results.push({ container: container.name, ...(await ACTS[task](container, input)) })
    } catch (thrown) {
      const error = systemTrouble(thrown) ?? thrown
      if (!many || !(error instanceof TlxcError)) throw error
      failed++
      ctx.log.error(`${container.name}: ${error.message}`)
      results.push({ container: container.name, error: { code: error.code, message: error.message, hint: error.hint ?? null } })
    } finally {
      progress.end()
    }
  }
  if (ctx.json) ctx.stdout.write(renderJson('snapshot', { task, results }))
  return failed === 0 ? EXIT.ok : EXIT.failure
}

const ACTS: Readonly<Record<Task, Act>> = { take, list, tree, restore, undo, destroy, diff, browse, release, prune, squash }

async function take(container: Container, { args, ctx, snapshot, comment }: TaskInput): Promise<TaskResult> {
  const { takeSnapshot } = await import('../container/take-snapshot.ts')
  const taken = await takeSnapshot(ctx, container, { name: snapshot, comment, ...rcfilePath(args, ctx) })
  const sync = `${milliseconds(taken.syncUs)} of writing out what was dirty`
  if (taken.frozenUs === null) ctx.log.info(`${container.name}: ${taken.name}, ${sync}`)
  else if (!ctx.json && !ctx.quiet && ctx.stdout.isTTY) {
    const { copied } = taken
    ctx.stdout.write(`${container.name}: ${taken.name}, frozen for ${milliseconds(taken.frozenUs)}${copied === null ? '' : `, ${copied.files} files copied`}, ${sync}\n`)
    if (copied !== null && copied.largestHotBytes > LARGE) ctx.log.warn(`${container.name}: a file of ${Math.round(copied.largestHotBytes / 1e6)} MB was being written and had to be copied while it was frozen; btrfs and xfs need no copy`)
  }
  return {
    snapshot: {
      name: taken.name, directory: taken.directory, created_ms: taken.created, live: taken.frozenUs !== null, frozen_ms: taken.frozenUs === null ? null : taken.frozenUs / 1000,
      sync_ms: taken.syncUs / 1000, copied_files: taken.copied?.files ?? 0, copied_bytes: taken.copied?.bytes ?? 0, delta: taken.copied?.delta ?? false,
    },
  }
}

function milliseconds(us: number): string {
  return `${(us / 1000).toFixed(1)} ms`
}

/** From here on a hot file is worth a word, bytes. */
const LARGE = 64e6

async function list(container: Container, { args, ctx, many }: TaskInput): Promise<TaskResult> {
  const { viewSnapshots } = await import('../container/view-snapshots.ts')
  const { renderSnapshots, snapshotAsJson } = await import('../render/snapshot.ts')
  const { snapshots } = await viewSnapshots(ctx.host, container, { sizes: false })
  // A line names the directory, and so the container; that there are none does not.
  if (!ctx.json) ctx.stdout.write(`${snapshots.length === 0 ? heading(container, many) : ''}${renderSnapshots(snapshots, args.options.showcomments === true)}`)
  return { snapshots: snapshots.map(snapshotAsJson) }
}

async function tree(container: Container, { ctx, many }: TaskInput): Promise<TaskResult> {
  const { viewSnapshots } = await import('../container/view-snapshots.ts')
  const { asideAsJson, renderSnapshotTree, snapshotAsJson } = await import('../render/snapshot.ts')
  const { snapshots, now, aside } = await viewSnapshots(ctx.host, container, { sizes: true })
  if (!ctx.json) ctx.stdout.write(`${heading(container, many)}${renderSnapshotTree(snapshots, now ?? undefined, aside)}`)
  return { snapshots: snapshots.map(snapshotAsJson), aside: asideAsJson(aside) }
}

/** Snapshots of all containers are called alike. */
function heading({ name }: Container, many: boolean): string {
  return many ? `${name}:\n` : ''
}

async function restore(container: Container, { args, ctx, positionals }: TaskInput): Promise<TaskResult> {
  const name = String(args.options.restore)
  const target = typeof args.options.newname === 'string' ? args.options.newname : (positionals[0] ?? null)
  if (target !== null && target !== container.name) {
    const { copyContainer } = await import('../container/copy.ts')
    const made = await copyContainer(ctx, container, { newName: target, newPath: ctx.lxcpath, share: true, orCopy: true, fromSnapshot: name })
    return { restored: name, new_container: made.container.name }
  }
  const { restoreSnapshot } = await import('../container/restore-snapshot.ts')
  await restoreSnapshot(ctx, container, name, args.options.force === true)
  return { restored: name, new_container: null }
}

async function undo(container: Container, { args, ctx }: TaskInput): Promise<TaskResult> {
  const { undoLastRestore } = await import('../container/restore-snapshot.ts')
  return { undone: await undoLastRestore(ctx, container, args.options.force === true) }
}

async function destroy(container: Container, { args, ctx }: TaskInput): Promise<TaskResult> {
  const { deleteSnapshots } = await import('../container/delete-snapshot.ts')
  const name = String(args.options.destroy)
  return { destroyed: await deleteSnapshots(ctx, container, name === 'ALL' ? null : [name]) }
}

async function diff(container: Container, { args, ctx, positionals, many }: TaskInput): Promise<TaskResult> {
  const { diffSnapshots } = await import('../container/diff.ts')
  const { renderChanges, changesAsJson } = await import('../render/changes.ts')
  const changes = await diffSnapshots(ctx, container, String(args.options.diff), positionals[0] ?? null)
  if (!ctx.json) ctx.stdout.write(`${heading(container, many)}${renderChanges(changes)}`)
  return { changes: changesAsJson(changes) }
}

async function browse(container: Container, { args, ctx }: TaskInput): Promise<TaskResult> {
  const { browseSnapshot } = await import('../container/browse.ts')
  const path = await browseSnapshot(ctx, container, String(args.options.browse))
  if (!ctx.json) ctx.stdout.write(`${path}\n`)
  return { path }
}

async function release(container: Container, { args, ctx }: TaskInput): Promise<TaskResult> {
  const { releaseSnapshot } = await import('../container/browse.ts')
  await releaseSnapshot(ctx, container, String(args.options.release))
  return { path: null }
}

async function prune(container: Container, { args, ctx, keep, keepUndo, many }: TaskInput): Promise<TaskResult> {
  const { pruneSnapshots } = await import('../container/prune.ts')
  const { asidePruneAsJson, pruneAsJson, renderPrune } = await import('../render/snapshot.ts')
  const dryRun = args.options['dry-run'] === true
  const { decisions, aside } = await pruneSnapshots(ctx, container, { snapshots: keep, undo: keepUndo }, dryRun)
  if (!ctx.json && (dryRun || (ctx.stdout.isTTY && !ctx.quiet))) ctx.stdout.write(`${heading(container, many)}${renderPrune(decisions, dryRun ? 'remove' : 'removed', aside)}`)
  return { dry_run: dryRun, decisions: decisions.map(pruneAsJson), aside: asidePruneAsJson(aside) }
}

function keepOf({ options }: ParsedArgs): Retention | null {
  const keep: Partial<Record<RetentionRule, number>> = {}
  for (const rule of RETENTION_RULES) {
    const text = options[`keep-${rule}`]
    if (typeof text !== 'string') continue
    if (!/^\d{1,5}$/.test(text)) throw new TlxcError('USAGE', `invalid value '${text}' of --keep-${rule}`, { hint: 'give a number, such as 7' })
    keep[rule] = Number(text)
  }
  return Object.keys(keep).length === 0 ? null : keep
}

function keepUndoOf({ options }: ParsedArgs): number | null {
  const text = options['keep-undo']
  if (typeof text !== 'string') return null
  try {
    return duration.parse(text)
  } catch (error) {
    if (!(error instanceof ValueError)) throw error
    throw new TlxcError('USAGE', `invalid value '${text}' of --keep-undo`, { hint: `give ${duration.expects}` })
  }
}

async function squash(container: Container, { ctx }: TaskInput): Promise<TaskResult> {
  const { squashContainer } = await import('../container/squash.ts')
  const { before, after } = await squashContainer(ctx, container)
  if (!ctx.json && !ctx.quiet && ctx.stdout.isTTY) ctx.stdout.write(`${container.name}: ${before} layers, now ${after}\n`)
  return { layers_before: before, layers_after: after }
}
