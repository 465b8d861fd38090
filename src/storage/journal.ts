/**
 * A change of several steps that a crash at any moment leaves either undone or done: intent → steps → metadata, whose rename is the
 * commit. One journal a container, under the container's lock; whoever opens the container next finishes or undoes what is in it.
 * Steps can be done and undone any number of times. Deletions are no steps: they come after the commit.
 */
import { errnoOf, TlxcError } from '../errors.ts'
import type { Host } from '../host/host.ts'

/** Paths are relative to the lxcpath, so that a tree that was moved as a whole still recovers. */
export type Step =
  | { do: 'rename'; from: string; to: string }
  | { do: 'mkdir'; path: string; mode: number }
  /** null: no such file. */
  | {
      do: 'write'; path: string; before: string | null; after: string | null; mode: number
      /** Others change this file, too: when they have, it is not undone. */
      shared?: true
    }

export type Commit =
  | { do: 'write'; path: string; before: string | null; after: string; mode: number }
  /** May be the container's own directory, with the journal in it. */
  | { do: 'rename'; from: string; to: string }

export interface Journal {
  version: 1
  /** For people: "snapshot snap0". */
  purpose: string
  steps: readonly Step[]
  commit: Commit
}

/** Where journals are: a container's directory, below lxcpath. */
export interface JournalPlace {
  lxcpath: string
  /** LXCPATH/NAME */
  directory: string
}

export function journalFile(directory: string): string {
  return `${directory}/journal`
}

/** Work between the steps and the commit, which leaves nothing that collection would not find. */
export type Between = () => Promise<void>

/** All or nothing. Throws what failed; then everything is as before, or the journal stays for the next command to undo it. */
export async function commitJournal(host: Host, place: JournalPlace, journal: Journal, between: Between = () => Promise.resolve()): Promise<void> {
  host.writeFileAtomic(journalFile(place.directory), `${JSON.stringify(journal)}\n`, 0o600)
  try {
    for (const step of journal.steps) doStep(host, place.lxcpath, step)
    await between()
    syncDirectories(host, place.lxcpath, journal.steps)
    commit(host, place.lxcpath, journal.commit)
  } catch (error) {
    // A commit whose directory could not be synced is done: undoing its steps would leave metadata that speaks of what is not there.
    if (!isCommitted(host, placeNow(host, place, journal.commit), journal.commit)) undo(host, place, journal)
    throw error
  }
  dropJournal(host, placeNow(host, place, journal.commit).directory)
}

/** The journal moves with the container's directory. */
function placeNow(host: Host, { lxcpath, directory }: JournalPlace, last: Commit): JournalPlace {
  const moved = last.do === 'rename' && `${lxcpath}/${last.from}` === directory && !exists(host, directory)
  return { lxcpath, directory: moved ? `${lxcpath}/${last.to}` : directory }
}

/** What became of an interrupted change: its purpose, and whether it was finished or undone. null: there was none. */
export function recoverJournal(host: Host, place: JournalPlace): { purpose: string; finished: boolean } | null {
  const journal = readJournal(host, place.directory)
  if (journal === null) return null
  const finished = isCommitted(host, place, journal.commit)
  if (finished) dropJournal(host, place.directory)
  else undo(host, place, journal)
  return { purpose: journal.purpose, finished }
}

/** null: none. A torn one cannot be: it got its name by rename after an fsync. */
export function readJournal(host: Host, directory: string): Journal | null {
  const text = readOrNull(host, journalFile(directory))
  if (text === null) return null
  try {
    const journal = JSON.parse(text) as Journal
    if (journal.version === 1) return journal
  } catch (error) {
    throw new TlxcError('STORAGE', `cannot read "${journalFile(directory)}": it is damaged`, { cause: error, hint: 'look at the file; it names what was being done' })
  }
  throw new TlxcError('STORAGE', `cannot use "${journalFile(directory)}": another version of tlxc wrote it`, { hint: 'finish it with that version' })
}

function isCommitted(host: Host, { lxcpath, directory }: JournalPlace, last: Commit): boolean {
  if (last.do === 'write') return readOrNull(host, `${lxcpath}/${last.path}`) === last.after
  // The journal itself moved: another container may have the old name by now.
  if (`${lxcpath}/${last.to}` === directory) return true
  return exists(host, `${lxcpath}/${last.to}`) && !exists(host, `${lxcpath}/${last.from}`)
}

/** One step that cannot be undone keeps no other one from it: the first of such failures is thrown, and the journal stays. */
function undo(host: Host, place: JournalPlace, journal: Journal): void {
  const failures: unknown[] = []
  for (const step of [...journal.steps].reverse()) {
    try {
      undoStep(host, place.lxcpath, step)
    } catch (error) {
      failures.push(error)
    }
  }
  if (failures.length > 0) throw failures[0]
  syncDirectories(host, place.lxcpath, journal.steps)
  dropJournal(host, place.directory)
}

/** Durably, or a power cut could bring it back after later changes. */
function dropJournal(host: Host, directory: string): void {
  host.fs.rmSync(journalFile(directory), { force: true })
  syncDirectory(host, directory)
}

function doStep(host: Host, lxcpath: string, step: Step): void {
  switch (step.do) {
    case 'rename':
      return move(host, `${lxcpath}/${step.from}`, `${lxcpath}/${step.to}`)
    case 'mkdir':
      return make(host, `${lxcpath}/${step.path}`, step.mode)
    case 'write':
      return put(host, `${lxcpath}/${step.path}`, step.after, step.mode)
  }
}

function undoStep(host: Host, lxcpath: string, step: Step): void {
  switch (step.do) {
    case 'rename':
      return move(host, `${lxcpath}/${step.to}`, `${lxcpath}/${step.from}`)
    case 'mkdir':
      return removeEmpty(host, `${lxcpath}/${step.path}`)
    case 'write':
      return putBack(host, `${lxcpath}/${step.path}`, step)
  }
}

function putBack(host: Host, path: string, { before, after, mode, shared }: Extract<Step, { do: 'write' }>): void {
  const now = readOrNull(host, path)
  // What was never changed needs no space to be put back.
  if (now === before || (shared === true && now !== after)) return
  put(host, path, before, mode)
}

function commit(host: Host, lxcpath: string, last: Commit): void {
  if (last.do === 'write') return host.writeFileAtomic(`${lxcpath}/${last.path}`, last.after, last.mode)
  host.fs.renameSync(`${lxcpath}/${last.from}`, `${lxcpath}/${last.to}`)
  for (const directory of new Set([parent(last.from), parent(last.to)])) syncDirectory(host, `${lxcpath}/${directory}`)
}

/** Source there and target not: to do. Target there and source not: done. Anything else is somebody else's doing. */
function move(host: Host, from: string, to: string): void {
  const [source, target] = [exists(host, from), exists(host, to)]
  if (source && !target) return host.fs.renameSync(from, to)
  if (!source && target) return
  throw new TlxcError('STORAGE', `cannot rename "${from}" to "${to}": ${source ? 'both are' : 'neither is'} there`, { hint: 'tlxc-checkconfig --storage shows what is there' })
}

function make(host: Host, path: string, mode: number): void {
  try {
    host.fs.mkdirSync(path, { mode })
  } catch (error) {
    if (errnoOf(error) !== 'EEXIST') throw error
  }
}

function removeEmpty(host: Host, path: string): void {
  try {
    host.fs.rmdirSync(path)
  } catch (error) {
    if (!['ENOENT', 'ENOTEMPTY', 'EEXIST'].includes(errnoOf(error) ?? '')) throw error
  }
}

function put(host: Host, path: string, text: string | null, mode: number): void {
  if (text === null) host.fs.rmSync(path, { force: true })
  else host.writeFileAtomic(path, text, mode)
}

/** Renames become durable before the metadata that speaks of them. */
function syncDirectories(host: Host, lxcpath: string, steps: readonly Step[]): void {
  const directories = steps.flatMap((step) => (step.do === 'rename' ? [parent(step.from), parent(step.to)] : step.do === 'mkdir' ? [parent(step.path)] : []))
  for (const directory of new Set(directories)) {
    if (exists(host, `${lxcpath}/${directory}`)) syncDirectory(host, `${lxcpath}/${directory}`)
  }
}

export function syncDirectory(host: Host, directory: string): void {
  const fd = host.fs.openSync(directory, host.fs.constants.O_RDONLY | host.fs.constants.O_DIRECTORY)
  try {
    host.fs.fsyncSync(fd)
  } finally {
    host.fs.closeSync(fd)
  }
}

function parent(path: string): string {
  return path.slice(0, Math.max(0, path.lastIndexOf('/')))
}

function exists(host: Host, path: string): boolean {
  return host.fs.lstatSync(path, { throwIfNoEntry: false }) !== undefined
}

function readOrNull(host: Host, path: string): string | null {
  try {
    return host.fs.readFileSync(path, 'utf8')
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return null
    throw error
  }
}
