/**
 * What an lxcpath holds, read from the disk without anything of tlxc: every container and snapshot with all of its files, and
 * whatever lies about that belongs to none of them.
 */
import { spawn } from 'node:child_process'
import { existsSync, mkdirSync, readdirSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { repoRoot } from './e2e.ts'
import { mountsBelow } from './loop-fs.ts'

export interface StorageState {
  /** By "NAME", "NAME/SNAP", "NAME~aside", ".trash/…": text that is equal exactly when nobody could tell two apart. */
  readonly trees: ReadonlyMap<string, string>
  /** What should not be there, one line each. */
  readonly leaks: readonly string[]
}

interface Stacked {
  upper?: string
  lowers?: string[]
  running?: { layers: string[] } | null
  aside?: Stacked | null
}

/** Directories of one view, the top first. */
interface Stack {
  label: string
  directories: string[]
  /** Where it may be mounted. */
  view?: string
}

/** scratch: an empty directory outside of the lxcpath; running: views of containers that run. */
export async function storageState(lxcpath: string, scratch: string, running: readonly string[] = []): Promise<StorageState> {
  const stacks: Stack[] = []
  const notes = new Map<string, string>()
  const leaks: string[] = []
  const referenced = new Set<string>()
  const mounted = new Set(mountsBelow(lxcpath))
  for (const name of list(lxcpath)) {
    if (name === '.pool') continue
    if (name === '.trash') {
      for (const entry of list(join(lxcpath, name))) readTrash(entry)
    } else if (existsSync(join(lxcpath, name, 'partial'))) {
      // Half made: no container yet, whatever is in it.
      leaks.push(`${name} is half made`)
    } else if (existsSync(join(lxcpath, name, 'config'))) readContainer(lxcpath, name)
    else leaks.push(`${name} is no container`)
  }
  leaks.push(...poolLeaks(lxcpath, referenced))
  // A running container's shows other ids, and is not its layers alone.
  const views = stacks.filter(({ view }) => view !== undefined && mounted.has(view) && !running.includes(view)).map(({ label, view = '' }) => ({ label: `${label}@view`, directories: [view] }))
  const trees = new Map(splitDump(await dump([...stacks, ...views], scratch)))
  for (const { label } of views) {
    if (trees.get(label) !== trees.get(label.replace('@view', ''))) leaks.push(`${label.replace('@view', '')}/rootfs shows other files than its layers have`)
    trees.delete(label)
  }
  const proper = new Set(stacks.map(({ view }) => view))
  leaks.push(...[...mounted].filter((path) => !proper.has(path)).map((path) => `${path} is mounted`))
  for (const [label, note] of notes) trees.set(label, `${trees.get(label) ?? ''}${note}`)
  return { trees, leaks }

  /** Only what can be brought back; what is on its way out is the next command's. */
  function readTrash(entry: string): void {
    if (existsSync(join(lxcpath, '.trash', entry, 'destroyed.json'))) readContainer(lxcpath, `.trash/${entry}`)
    else leaks.push(`.trash/${entry} is half removed`)
  }

  function readContainer(base: string, path: string): void {
    const directory = join(base, path)
    // The trash gives each a suffix by chance.
    const label = path.startsWith('.trash/') ? path.replace(/\.[0-9a-f]+$/, '') : path
    readOne(directory, label)
    for (const snap of list(join(directory, 'snaps'))) {
      if (snap.startsWith('.') || !existsSync(join(directory, 'snaps', snap, 'config'))) leaks.push(`${label}/snaps/${snap} is no snapshot`)
      else readOne(join(directory, 'snaps', snap), `${label}/${snap}`)
    }
    for (const entry of list(directory)) if (!label.startsWith('.trash/') && isLeftOver(entry)) leaks.push(`${label}/${entry} is left over`)
  }

  function readOne(directory: string, label: string): void {
    const text = read(join(directory, 'storage.json'))
    notes.set(label, ['config', 'comment', 'lxc_rdepends', 'lxc_snapshots'].map((file) => `${file}: ${ageless(read(join(directory, file)) ?? 'none', lxcpath)}\n`).join(''))
    if (text === null) {
      stacks.push({ label, directories: [join(directory, 'rootfs')] })
      if (existsSync(join(directory, '.aside'))) stacks.push({ label: `${label}~aside`, directories: [join(directory, '.aside/rootfs')] })
      return
    }
    let stack: Stacked
    try {
      stack = JSON.parse(text) as Stacked
    } catch {
      leaks.push(`${label}/storage.json is damaged`)
      return
    }
    for (const name of namesOf(stack)) referenced.add(name)
    stacks.push({ label, directories: directoriesOf(lxcpath, stack), ...(stack.upper === undefined ? {} : { view: join(directory, 'rootfs') }) })
    if (stack.aside) stacks.push({ label: `${label}~aside`, directories: directoriesOf(lxcpath, stack.aside) })
  }
}

function namesOf({ upper, lowers = [], running, aside }: Stacked): string[] {
  return [...(upper === undefined ? [] : [upper]), ...lowers, ...(running?.layers ?? []), ...(aside ? namesOf(aside) : [])]
}

function directoriesOf(lxcpath: string, { upper, lowers = [] }: Stacked): string[] {
  const pool = join(lxcpath, '.pool')
  return [...(upper === undefined ? [] : [join(pool, upper, 'up')]), ...lowers.map((name) => join(pool, name))]
}

/** Journals, and whatever a file is called before it is renamed. */
function isLeftOver(name: string): boolean {
  // What a restore of a plain directory put aside.
  if (name === '.aside') return false
  return name === 'partial' || name === 'destroyed.json' || name === 'newname' || name.startsWith('journal') || name.startsWith('.') || name.endsWith('.tmp')
}

function poolLeaks(lxcpath: string, referenced: Set<string>): string[] {
  const pool = join(lxcpath, '.pool')
  if (!existsSync(pool)) return []
  const entries = list(pool).filter((name) => !['meta', 'hold', 'base'].includes(name))
  // What the next container begins with; that its content is right shows when there is one.
  for (const file of list(join(pool, 'base'))) referenced.add((JSON.parse(read(join(pool, 'base', file)) ?? '{}') as { layer?: string }).layer ?? `base/${file}`)
  return [
    // While an export reads them; none is under way here.
    ...list(join(pool, 'hold')).map((file) => `.pool/hold/${file} is nobody's`),
    ...entries.filter((name) => !referenced.has(name)).map((name) => `.pool/${name}: nothing refers to it`),
    ...[...referenced].filter((name) => !existsSync(join(pool, name))).map((name) => `.pool/${name} is missing`),
    ...list(join(pool, 'meta')).filter((file) => !entries.includes(file.split('.')[0] ?? '') || /\.claim$/.test(file)).map((file) => `.pool/meta/${file} is of nothing`),
    ...closedLeaks(pool),
  ]
}

function closedLeaks(pool: string): string[] {
  return (statSync(pool).mode & 0o77) === 0 ? [] : ['.pool is open to others']
}

/** Without what is drawn anew for each container, and without clones that are half made: nobody has them. */
function ageless(text: string, lxcpath: string): string {
  const relation = text.replaceAll(new RegExp(`^${lxcpath}\\n(.*)\\n`, 'gm'), (pair: string, name: string) => (existsSync(join(lxcpath, name, 'partial')) ? '' : pair))
  return (relation === '' ? 'none' : relation).replaceAll(/(hwaddr *=).*/g, '$1 …').replaceAll(/(lxc\.idmap *=).*/g, '$1 …')
}

function dump(stacks: readonly Stack[], scratch: string): Promise<string> {
  mkdirSync(scratch, { recursive: true })
  return new Promise((resolve, reject) => {
    const child = spawn(join(repoRoot, 'build/native/dump-stacks'), [scratch], { stdio: ['pipe', 'pipe', 'inherit'] })
    let text = ''
    child.stdout.setEncoding('utf8').on('data', (part: string) => (text += part))
    child.on('error', reject)
    child.on('close', (code) => (code === 0 ? resolve(text) : reject(new Error(`dump-stacks ended with ${code}`))))
    child.stdin.end(stacks.map(({ label, directories }) => `${[label, ...directories].join('\t')}\n`).join(''))
  })
}

function splitDump(text: string): [string, string][] {
  return text.split(/^= /m).slice(1).map((part) => {
    const end = part.indexOf('\n')
    // A copy's host name is written anew, and a new container's.
    return [part.slice(0, end), part.slice(end + 1).replace(/^(\/etc\/host(?:name|s) \S+ \S+ \d+) \S+/gm, '$1')]
  })
}

/** What differs, for people; empty: nothing. */
export function differences(a: StorageState, b: StorageState): string[] {
  const labels = [...new Set([...a.trees.keys(), ...b.trees.keys()])].sort()
  return labels.flatMap((label) => {
    const left = a.trees.get(label)
    const right = b.trees.get(label)
    if (left === right) return []
    if (left === undefined) return [`+ ${label}`]
    if (right === undefined) return [`- ${label}`]
    const before = new Set(left.split('\n'))
    const after = new Set(right.split('\n'))
    return [
      ...[...before].filter((line) => !after.has(line)).map((line) => `${label}: - ${line}`),
      ...[...after].filter((line) => !before.has(line)).map((line) => `${label}: + ${line}`),
    ]
  })
}

function list(directory: string): string[] {
  try {
    return readdirSync(directory).sort()
  } catch {
    return []
  }
}

function read(file: string): string | null {
  try {
    return readFileSync(file, 'utf8')
  } catch {
    return null
  }
}
