/** tlxc-snapshot: the option table, and which of its tasks was asked for. */
import { defineCommand, type ParsedArgs } from '../cli/command.ts'
import { TlxcError } from '../errors.ts'
import { isPattern } from '../container/select.ts'
import type { Task } from './snapshot-tasks.ts'

const KEEP = (period: string): { value: 'required'; argument: string; describe: string } => ({
  value: 'required', argument: 'N', describe: `With --prune: keep ${period}`,
})

export default defineCommand({
  name: 'snapshot',
  summary: 'take, list, restore and destroy snapshots of a container',
  positionals: '[NEWNAME]',
  description:
    'Without a task, takes a snapshot: of a stopped container by renaming a directory, whatever its size; of a running one by copying what changed, frozen ' +
    'only for the last of it. The pause and the time that writing out dirty data took are shown on a terminal and with --json; of a stopped one, where the latter is what the ' +
    'snapshot costs, with -l INFO. Snapshots are named snap0, snap1, … in the lowest free number, or by a second --name: ' +
    'tlxc-snapshot -n web --name before-upgrade.\n\n' +
    'A restore (-r) puts the files and the configuration of the container back. What it replaces is kept aside, where --undo takes the last one back, until the next restore; ' +
    'or until a --prune finds it older than snapshot.keep.undo of tlxc.conf(5) says (seven days). --tree shows it as "(undo)", with the room that it takes. A running ' +
    'container is refused, unless --force is given, which stops it, restores it and starts it again. With -N the snapshot becomes a new container, which shares its layers.\n\n' +
    'While the container is frozen, the process that copies runs before everything else on the machine (SCHED_FIFO, priority 1; see sched(7)), for the few ten milliseconds that this takes and ' +
    'five seconds at most: then the container goes on, and there is no snapshot. One thing takes longer: a large file that is being written at that moment, such as the image of a database. On a ' +
    'filesystem that shares blocks (xfs, btrfs) it costs no copy; elsewhere, as on ext4, it is copied while the container waits, at the speed of the disk; on a terminal a warning tells its size. ' +
    'With -B btrfs nothing is ever frozen, and the snapshot of a subvolume is of one moment. Subvolumes in the container are snapshotted after it, one after the other: a program that writes to ' +
    'several of them may find one older than the other in the snapshot, by the time that this took (tens of milliseconds each, more while much is being written). Where that matters: ' +
    'tlxc-freeze web && { tlxc-snapshot web; tlxc-unfreeze web; }; then all are of one moment. The same holds for tlxc-copy -a.\n\n' +
    'Names may be patterns (-n \'web*\'), and --all and --running choose as well: then one that fails does not keep the others from their turn. A hard-linked file that ' +
    'an older layer has separates from its other names when it is written through one of them. Mounts in the container and volumes are not part of a snapshot.',
  options: {
    name: { short: 'n', value: 'required', argument: 'NAME', repeat: true, describe: 'Name of the container, or a pattern; given twice, the second names the snapshot that is taken', complete: 'container' },
    all: { value: 'none', describe: 'All containers' },
    running: { value: 'none', describe: 'Those that are running' },
    comment: { short: 'c', value: 'required', argument: 'FILE', describe: 'Add FILE as a comment', complete: 'file' },
    message: { short: 'm', value: 'required', argument: 'TEXT', describe: 'Add TEXT as a comment' },
    list: { short: 'L', value: 'none', describe: 'List the snapshots' },
    showcomments: { short: 'C', value: 'none', describe: 'With -L: show their comments' },
    tree: { value: 'none', describe: 'Show what came from what, and what each takes by itself' },
    restore: { short: 'r', value: 'required', argument: 'SNAP', describe: 'Restore snapshot SNAP' },
    newname: { short: 'N', value: 'required', argument: 'NEWNAME', describe: 'With -r: into a new container NEWNAME' },
    force: { short: 'f', value: 'none', describe: 'With -r and --undo: stop the container for it, and start it again' },
    undo: { value: 'none', describe: 'Take the last restore back' },
    destroy: { short: 'd', value: 'required', argument: 'SNAP', describe: 'Destroy snapshot SNAP; ALL: all of them' },
    diff: { value: 'required', argument: 'SNAP', describe: 'List files added (A), modified (M) and deleted (D) since SNAP; a second snapshot follows: --diff snap0 snap1' },
    browse: { value: 'required', argument: 'SNAP', describe: 'Show the files of SNAP read-only, and print where, until --release' },
    release: { value: 'required', argument: 'SNAP', describe: 'End --browse' },
    prune: { value: 'none', describe: 'Destroy what no --keep-… keeps; without one, what the configuration says (tlxc.snapshot.keep.…). Free what an old restore put aside' },
    'keep-last': KEEP('the newest N'),
    'keep-hourly': KEEP('the newest of each of the last N hours with one'),
    'keep-daily': KEEP('the newest of each of the last N days with one'),
    'keep-weekly': KEEP('the newest of each of the last N weeks with one'),
    'keep-monthly': KEEP('the newest of each of the last N months with one'),
    'keep-undo': { value: 'required', argument: 'AGE', describe: 'With --prune: keep what --undo takes back for AGE, such as 2d or 12h (default 7d, or as configured)' },
    'dry-run': { value: 'none', describe: 'With --prune: show what would go, and destroy nothing' },
    squash: { value: 'none', describe: 'Merge the layers of the stopped container above its base' },
    rcfile: { value: 'required', argument: 'FILE', describe: 'Give the snapshot the configuration in FILE; with a task it must be there and whole', complete: 'file' },
  },
  examples: [
    { command: 'tlxc-snapshot -n c7', describe: 'Take one, running or not' },
    { command: 'tlxc-snapshot -n c7 --name before-upgrade -m "before the upgrade"', describe: 'With a name and a comment' },
    { command: 'tlxc-snapshot -n c7 -L -C', describe: 'List them with their comments' },
    { command: 'tlxc-snapshot -n c7 -r snap1', describe: 'Go back to snap1' },
    { command: 'tlxc-snapshot -n c7 --undo', describe: 'That was the wrong one' },
    { command: 'tlxc-snapshot -n c7 -r snap1 -N c8', describe: 'Make a container of snap1' },
    { command: 'tlxc-snapshot --running', describe: 'From cron: a snapshot of all that run; nothing is said but what goes wrong' },
    { command: 'tlxc-snapshot --all --prune --dry-run', describe: 'What a prune would destroy, and why' },
    { command: 'tlxc-snapshot --all --prune --keep-daily 7 --keep-weekly 4', describe: 'From cron: keep seven days and four weeks' },
  ],
  nameMode: 'none',
  json: true,

  async run(args, ctx) {
    const { names, snapshot, positionals } = namesOf(args)
    const selection = { names, all: args.options.all === true, running: args.options.running === true }
    if (names.length === 0 && !selection.all && !selection.running) {
      throw new TlxcError('USAGE', 'No container name specified', { hint: `give it as the first argument: ${ctx.program} NAME` })
    }
    const task = taskOf(args)
    refuseMeaningless(args, task)
    const { runTask } = await import('./snapshot-tasks.ts')
    return runTask(task, { args, ctx, selection, snapshot, positionals, many: selection.all || selection.running || names.some(isPattern) || names.length > 1 })
  },
})

/**
 * LXC knows one --name, which is the container. Here a second one names the snapshot; and `tlxc-snapshot web --name before`, which LXC's
 * grammar reads as a new name without a restore, means the same.
 */
function namesOf(args: ParsedArgs): { names: string[]; snapshot: string | null; positionals: readonly string[] } {
  const given = Array.isArray(args.options.name) ? args.options.name : []
  const words = [...args.positionals, ...(args.rest ?? [])]
  const taking = taskOf(args) === 'take'
  if (given.length === 0) return { names: words.slice(0, 1), snapshot: null, positionals: words.slice(1) }
  const [first = '', second] = given
  if (given.length > 2) throw new TlxcError('USAGE', 'too many names', { hint: 'give the container, and for a snapshot its own name' })
  if (second !== undefined && !taking) throw new TlxcError('USAGE', `unexpected second name '${second}'`, { hint: 'only a snapshot that is taken gets one; several containers go by a pattern' })
  if (second !== undefined) return { names: [first], snapshot: second, positionals: words }
  if (taking && words.length === 1) return { names: words, snapshot: first, positionals: [] }
  return { names: [first], snapshot: null, positionals: words }
}

const TASKS: Readonly<Record<string, Task>> = {
  list: 'list', tree: 'tree', restore: 'restore', undo: 'undo', destroy: 'destroy', diff: 'diff', browse: 'browse', release: 'release', prune: 'prune', squash: 'squash',
}

function taskOf({ options }: ParsedArgs): Task {
  const given = Object.keys(TASKS).filter((key) => options[key] !== undefined)
  if (given.length > 1) throw new TlxcError('USAGE', `cannot do --${given.join(' and --')} at once`, { hint: 'give one of them' })
  return TASKS[given[0] ?? ''] ?? 'take'
}

/** Options that belong to one task only. */
const BELONGS: Readonly<Record<string, readonly Task[]>> = {
  comment: ['take'], message: ['take'], showcomments: ['list', 'take'], newname: ['restore'], force: ['restore', 'undo'], 'dry-run': ['prune'],
  'keep-last': ['prune'], 'keep-hourly': ['prune'], 'keep-daily': ['prune'], 'keep-weekly': ['prune'], 'keep-monthly': ['prune'], 'keep-undo': ['prune'],
}

function refuseMeaningless({ options }: ParsedArgs, task: Task): void {
  const stray = Object.keys(BELONGS).find((key) => options[key] !== undefined && !BELONGS[key]?.includes(task))
  if (stray !== undefined) throw new TlxcError('USAGE', `--${stray} means nothing here`, { hint: `it goes with ${BELONGS[stray]?.map((one) => (one === 'take' ? 'taking a snapshot' : `--${one}`)).join(' or ') ?? ''}` })
  if (options.comment !== undefined && options.message !== undefined) throw new TlxcError('USAGE', 'cannot take two comments', { hint: 'give -c or -m' })
}
