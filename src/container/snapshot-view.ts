/** Snapshots as they are shown: what snapshot commands give and render/ prints. Types only. */

export interface SnapshotView {
  name: string
  /** Milliseconds since the epoch. */
  created: number
  /** Directory of the snapshots, as LXC shows it: LXCPATH/NAME/snaps. */
  directory: string
  /** The comment file, whole, as it is. */
  comment: string | null
  /** Taken while the container ran. */
  live: boolean
  /** Name of the snapshot that it came from. */
  parent: string | null
  /** Ids of its layers, top first. */
  lowers: readonly string[]
  /** What would become free without it; null: not measured. */
  exclusiveBytes: number | null
  /** How long the container was frozen for it, milliseconds. */
  frozenMs: number | null
}

/** What a restore replaced, and --undo would take back. */
export interface AsideView {
  /** What took its place: the name of a snapshot, "an import". */
  restored: string
  /** Milliseconds since the epoch. */
  at: number
  /** Name of the snapshot that it came from. */
  parent: string | null
  /** What would become free without it; null: not measured. */
  exclusiveBytes: number | null
}

/** One difference between two file systems. */
export interface FileChange {
  /** added, modified, deleted */
  kind: 'A' | 'M' | 'D'
  /** Absolute, as inside. Names are bytes: a string is taken as UTF-8. */
  path: Uint8Array | string
}

/** What becomes of one snapshot when it is pruned. */
export interface PruneView {
  name: string
  created: number
  kept: boolean
  reasons: readonly { rule: string; period: string }[]
}

/** What becomes of what a restore put aside when there is a prune. */
export interface AsidePruneView {
  restored: string
  at: number
  kept: boolean
  /** How old it may get, milliseconds. */
  keep: number
}
