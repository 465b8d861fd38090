/** What tlxc-snapshot prints: the list in LXC's text, the tree, what a prune does. Pure. */
import { naturalOrder } from '../config/natural-order.ts'
import { duration } from '../config/codecs/duration.ts'
import { formatTimestamp } from '../config/timestamp.ts'
import type { AsidePruneView, AsideView, PruneView, SnapshotView } from '../container/snapshot-view.ts'
import { renderSize } from './size.ts'
import { renderTable, type Column } from './table.ts'

/** By the numbers in their names: LXC shows them in the order of readdir(3), which is none. */
function sortSnapshots(snapshots: readonly SnapshotView[]): SnapshotView[] {
  return [...snapshots].sort((a, b) => naturalOrder(a.name, b.name))
}

/** As `lxc-snapshot -L`; with comments (-C) the comment file follows its line as it is, which may end without a newline. */
export function renderSnapshots(snapshots: readonly SnapshotView[], comments: boolean): string {
  if (snapshots.length === 0) return 'No snapshots\n'
  return sortSnapshots(snapshots)
    .map(({ name, directory, created, comment }) => `${name} (${directory}) ${formatTimestamp(created)}\n${comments ? (comment ?? '') : ''}`)
    .join('')
}

const TREE: readonly Column[] = [
  { header: 'NAME' }, { header: 'CREATED' }, { header: 'EXCLUSIVE', align: 'right' }, { header: 'TAKEN' }, { header: 'COMMENT' },
]

/** In place of a name, which has no parentheses: what --undo would take back. */
const UNDO = '(undo)'

/**
 * A row for each snapshot below the one that it came from. EXCLUSIVE is what its removal would free; TAKEN "live" with the pause, or "stopped".
 * now: the snapshot that the container's present state came from; shown as a row of its own, "(now)". aside: the same of what a restore replaced, "(undo)".
 */
export function renderSnapshotTree(snapshots: readonly SnapshotView[], now?: { parent: string | null; exclusiveBytes: number | null }, aside: AsideView | null = null): string {
  if (snapshots.length === 0 && now === undefined && aside === null) return 'No snapshots\n'
  const nodes: Node[] = sortSnapshots(snapshots).map((view) => ({ name: view.name, parent: view.parent, cells: snapshotCells(view) }))
  if (now !== undefined) nodes.push({ name: '(now)', parent: now.parent, cells: ['-', sizeCell(now.exclusiveBytes), '-', '-'] })
  if (aside !== null) nodes.push({ name: UNDO, parent: aside.parent, cells: [formatTimestamp(aside.at), sizeCell(aside.exclusiveBytes), '-', `replaced by ${aside.restored}`] })
  return renderTable(TREE, treeRows(nodes))
}

const PRUNE: readonly Column[] = [{ header: 'NAME' }, { header: 'CREATED' }, { header: 'ACTION' }, { header: 'BECAUSE' }]

/** Newest first, with what each one that stays is kept by; verb: "remove" for --dry-run, "removed" when it was done. */
export function renderPrune(decisions: readonly PruneView[], verb: 'remove' | 'removed', aside: AsidePruneView | null = null): string {
  const rows = decisions.map(({ name, created, kept, reasons }) => [
    name,
    formatTimestamp(created),
    kept ? 'keep' : verb,
    reasons.map(({ rule, period }) => `${rule} ${period}`.trim()).join(', ') || (kept ? 'no rule in force' : 'no rule keeps it'),
  ])
  if (aside !== null) rows.push([UNDO, formatTimestamp(aside.at), aside.kept ? 'keep' : verb, `${aside.kept ? 'younger' : 'older'} than ${duration.format(aside.keep)}`])
  return rows.length === 0 ? 'No snapshots\n' : renderTable(PRUNE, rows)
}

/** One element of "snapshots" of tlxc/snapshot/1. */
export function snapshotAsJson(view: SnapshotView): object {
  return {
    name: view.name,
    created_ms: view.created,
    directory: view.directory,
    comment: view.comment,
    live: view.live,
    parent: view.parent,
    layers: view.lowers,
    exclusive_bytes: view.exclusiveBytes,
    frozen_ms: view.frozenMs,
  }
}

/** One element of "decisions" of tlxc/snapshot/1. */
export function pruneAsJson({ name, created, kept, reasons }: PruneView): object {
  return { name, created_ms: created, kept, reasons: reasons.map(({ rule, period }) => ({ rule, period })) }
}

/** "aside" of tlxc/snapshot/1, of --tree. */
export function asideAsJson(aside: AsideView | null): object | null {
  return aside && { restored: aside.restored, at_ms: Math.round(aside.at), exclusive_bytes: aside.exclusiveBytes }
}

/** "aside" of tlxc/snapshot/1, of --prune. */
export function asidePruneAsJson(aside: AsidePruneView | null): object | null {
  return aside && { restored: aside.restored, at_ms: Math.round(aside.at), kept: aside.kept, keep_ms: aside.keep }
}

interface Node {
  name: string
  parent: string | null
  cells: string[]
}

function snapshotCells({ created, exclusiveBytes, live, frozenMs, comment }: SnapshotView): string[] {
  const taken = live ? (frozenMs === null ? 'live' : `live, ${frozenMs < 10 ? frozenMs.toFixed(1) : Math.round(frozenMs)} ms`) : 'stopped'
  return [formatTimestamp(created), sizeCell(exclusiveBytes), taken, firstLine(comment) || '-']
}

const sizeCell = (bytes: number | null): string => (bytes === null ? '-' : renderSize(bytes))

/** Depth first. What comes from something that is gone, or from itself in a damaged file, is a root. */
function treeRows(nodes: readonly Node[]): string[][] {
  const names = new Set(nodes.map(({ name }) => name))
  const below = new Map<string | null, Node[]>()
  for (const node of nodes) {
    const parent = node.parent !== null && names.has(node.parent) ? node.parent : null
    below.set(parent, [...(below.get(parent) ?? []), node])
  }
  const rows: string[][] = []
  const shown = new Set<Node>()
  const show = (node: Node, indent: string, branch: string, deeper: string): void => {
    if (shown.has(node)) return
    shown.add(node)
    rows.push([indent + branch + node.name, ...node.cells])
    const children = below.get(node.name) ?? []
    children.forEach((child, at) => {
      const last = at === children.length - 1
      show(child, indent + deeper, last ? '`-' : '|-', last ? '  ' : '| ')
    })
  }
  for (const root of below.get(null) ?? []) show(root, '', '', '')
  for (const node of nodes) show(node, '', '', '')
  return rows
}

/** A comment may come with an imported container: it must not command the terminal. */
function firstLine(comment: string | null): string {
  return (comment ?? '').trimStart().split('\n')[0]?.replaceAll(/[\u0000-\u001f\u007f-\u009f]/g, ' ').trim() ?? ''
}
