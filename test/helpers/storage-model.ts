/**
 * A model of storage beside the real thing: plain maps, and random operations that are done to both, by the installed programs. What the disk
 * holds is then read without tlxc and compared.
 */
import { mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import type { Lane } from './fault-lane.ts'
import type { StorageState } from './storage-state.ts'

/** Paths below /data with contents; directories follow from them. */
type Files = Map<string, string>

interface ModelSnapshot {
  files: Files
  /** Order of creation, over all. */
  age: number
}

interface ModelContainer {
  files: Files
  snapshots: Map<string, ModelSnapshot>
  aside: Files | null
}

/** What is done next: to the disk, then to the model. */
type Move = { text: string; real: () => Promise<boolean> | boolean; model: () => void; fails?: boolean }

const NAMES = ['a', 'b', 'c', 'd', 'e', 'f']
const PATHS = ['x', 'y', 'dir/x', 'dir/y', 'dir/sub/z', 'other/w']
const DIRECTORIES = ['dir', 'dir/sub', 'other', 'moved']
const MAX_SNAPSHOTS = 6

export class StorageModel {
  private readonly containers = new Map<string, ModelContainer>()
  /** Destroyed, the latest last. */
  private readonly trash: { name: string; container: ModelContainer }[] = []
  private age = 0
  private written = 0
  /** For the report of a failure. */
  readonly history: string[] = []

  constructor(
    private readonly lane: Lane,
    private readonly template: string,
    private readonly random: () => number,
  ) {}

  /** Does one random operation. Throws when it fails and should not, or succeeds and should not. */
  async step(): Promise<void> {
    const move = this.choose()
    this.history.push(move.text)
    const done = await move.real()
    if (done === (move.fails === true)) throw new Error(`${move.text}: ${done ? 'it should have failed' : 'it failed'}`)
    if (done) move.model()
  }

  /** What the disk has that the model has not, and the other way round. */
  compare(state: StorageState): string[] {
    const expected = new Map<string, Files>()
    for (const [name, { files, snapshots, aside }] of this.containers) {
      expected.set(name, files)
      if (aside) expected.set(`${name}~aside`, aside)
      for (const [snap, { files: saved }] of snapshots) expected.set(`${name}/${snap}`, saved)
    }
    const labels = new Set([...expected.keys(), ...[...state.trees.keys()].filter((label) => !label.startsWith('.trash/'))])
    return [...labels].flatMap((label) => compareFiles(label, expected.get(label), state.trees.get(label)))
  }

  get names(): string[] {
    return [...this.containers.keys()]
  }

  private choose(): Move {
    if (this.containers.size === 0) return this.create()
    const name = this.pick(this.names)
    const container = this.containers.get(name)
    if (!container) throw new Error(name)
    const moves: [weight: number, () => Move | null][] = [
      [30, () => this.write(name, container)],
      [8, () => this.remove(name, container)],
      [6, () => this.moveDirectory(name, container)],
      [18, () => this.snapshot(name, container)],
      [10, () => this.restore(name, container)],
      [4, () => this.undo(name, container)],
      [5, () => this.deleteSnapshot(name, container)],
      [3, () => this.prune(name, container)],
      [4, () => this.squash(name)],
      [7, () => this.copy(name, container, true)],
      [3, () => this.copy(name, container, false)],
      [4, () => this.restoreTo(name, container)],
      [4, () => this.rename(name, container)],
      [5, () => this.destroy(name, container)],
      [4, () => this.bringBack()],
      [1, () => this.create()],
      [3, () => this.impossible(name, container)],
    ]
    const total = moves.reduce((sum, [weight]) => sum + weight, 0)
    for (;;) {
      let at = this.random() * total
      const move = moves.find(([weight]) => (at -= weight) < 0)?.[1]()
      if (move) return move
    }
  }

  private create(): Move {
    const name = this.freeName() ?? this.pick(NAMES)
    const fails = this.containers.has(name)
    return this.command(['tlxc-create', '-n', name, '-t', this.template], fails, () =>
      this.containers.set(name, { files: new Map(), snapshots: new Map(), aside: null }))
  }

  private write(name: string, { files }: ModelContainer): Move {
    const path = this.pick(PATHS)
    const content = `${++this.written}\n`
    return {
      text: `write ${name} ${path}`,
      real: () => {
        const file = join(this.data(name), path)
        mkdirSync(dirname(file), { recursive: true })
        writeFileSync(file, content)
        return true
      },
      model: () => files.set(path, content),
    }
  }

  private remove(name: string, { files }: ModelContainer): Move {
    const path = this.pick([...PATHS, ...DIRECTORIES])
    return {
      text: `remove ${name} ${path}`,
      real: () => {
        rmSync(join(this.data(name), path), { recursive: true, force: true })
        return true
      },
      model: () => {
        for (const file of [...files.keys()]) if (file === path || file.startsWith(`${path}/`)) files.delete(file)
      },
    }
  }

  /** Renamed directories of layers below, and others in their place: redirects and opaque directories. */
  private moveDirectory(name: string, { files }: ModelContainer): Move | null {
    const [from, to] = [this.pick(DIRECTORIES), this.pick(DIRECTORIES)]
    if (from === to || to.startsWith(`${from}/`) || from.startsWith(`${to}/`)) return null
    if (![...files.keys()].some((path) => path.startsWith(`${from}/`))) return null
    return {
      text: `move ${name} ${from} ${to}`,
      real: () => {
        const [source, target] = [join(this.data(name), from), join(this.data(name), to)]
        rmSync(target, { recursive: true, force: true })
        mkdirSync(dirname(target), { recursive: true })
        renameSync(source, target)
        return true
      },
      model: () => {
        for (const path of [...files.keys()]) if (path.startsWith(`${to}/`)) files.delete(path)
        for (const [path, content] of [...files]) {
          if (!path.startsWith(`${from}/`)) continue
          files.delete(path)
          files.set(`${to}${path.slice(from.length)}`, content)
        }
      },
    }
  }

  private snapshot(name: string, { files, snapshots }: ModelContainer): Move | null {
    if (snapshots.size >= MAX_SNAPSHOTS) return null
    let n = 0
    while (snapshots.has(`snap${n}`)) n++
    return this.command(['tlxc-snapshot', '-n', name], false, () => snapshots.set(`snap${n}`, { files: new Map(files), age: ++this.age }))
  }

  private restore(name: string, container: ModelContainer): Move | null {
    const snap = this.pickSnapshot(container)
    if (!snap) return null
    return this.command(['tlxc-snapshot', '-n', name, '-r', snap.name], false, () => {
      container.aside = container.files
      container.files = new Map(snap.files)
    })
  }

  private undo(name: string, container: ModelContainer): Move {
    return this.command(['tlxc-snapshot', '-n', name, '--undo'], container.aside === null, () => {
      const { aside, files } = container
      container.files = aside ?? files
      container.aside = files
    })
  }

  private deleteSnapshot(name: string, container: ModelContainer): Move | null {
    const snap = this.pickSnapshot(container)
    return snap && this.command(['tlxc-snapshot', '-n', name, '-d', snap.name], false, () => container.snapshots.delete(snap.name))
  }

  private prune(name: string, container: ModelContainer): Move | null {
    const { snapshots } = container
    const forget = this.random() < 0.5
    if (snapshots.size === 0 && !forget) return null
    const keep = 1 + Math.floor(this.random() * 3)
    return this.command(['tlxc-snapshot', '-n', name, '--prune', '--keep-last', String(keep), ...(forget ? ['--keep-undo', '0'] : [])], false, () => {
      if (forget) container.aside = null
      for (const [snap] of [...snapshots].sort(([, a], [, b]) => b.age - a.age).slice(keep)) snapshots.delete(snap)
    })
  }

  private squash(name: string): Move {
    return this.command(['tlxc-snapshot', '-n', name, '--squash'], false, () => undefined)
  }

  private copy(name: string, { files }: ModelContainer, share: boolean): Move | null {
    const to = this.freeName()
    if (to === null) return null
    return this.command(['tlxc-copy', '-n', name, '-N', to, ...(share ? ['-s'] : [])], false, () => this.containers.set(to, { files: new Map(files), snapshots: new Map(), aside: null }))
  }

  private restoreTo(name: string, container: ModelContainer): Move | null {
    const [to, snap] = [this.freeName(), this.pickSnapshot(container)]
    if (to === null || !snap) return null
    return this.command(['tlxc-snapshot', '-n', name, '-r', snap.name, '-N', to], false, () => this.containers.set(to, { files: new Map(snap.files), snapshots: new Map(), aside: null }))
  }

  private rename(name: string, container: ModelContainer): Move | null {
    const to = this.freeName()
    if (to === null) return null
    return this.command(['tlxc-copy', '-n', name, '-N', to, '-R'], false, () => {
      this.containers.delete(name)
      this.containers.set(to, container)
    })
  }

  private destroy(name: string, container: ModelContainer): Move {
    const purge = this.random() < 0.3
    return this.command(['tlxc-destroy', '-n', name, '-s', ...(purge ? ['--purge'] : [])], false, () => {
      this.containers.delete(name)
      if (!purge) this.trash.push({ name, container })
    })
  }

  private bringBack(): Move | null {
    const last = this.trash.at(-1)
    if (!last) return null
    const fails = this.containers.has(last.name)
    return this.command(['tlxc-destroy', '-n', last.name, '--undo'], fails, () => {
      this.trash.pop()
      this.containers.set(last.name, last.container)
    })
  }

  private impossible(name: string, { snapshots }: ModelContainer): Move {
    const [snap] = snapshots.keys()
    const commands = [
      ['tlxc-snapshot', '-n', name, '-r', 'none'],
      ['tlxc-snapshot', '-n', 'nobody'],
      ['tlxc-copy', '-n', name, '-N', name],
      ['tlxc-copy', '-n', name, '-N', '../x', '-s'],
      ['tlxc-snapshot', '-n', name, '--name', snap ?? 'a/b'],
    ]
    return this.command(this.pick(commands), true, () => undefined)
  }

  private command(command: readonly string[], fails: boolean, model: () => void): Move {
    const real = async (): Promise<boolean> => {
      const { code, stdout, stderr } = await this.lane.tlxc(command)
      if (code !== 0 && !fails) this.history.push(`${stdout}${stderr}`)
      return code === 0
    }
    return { text: command.join(' '), real, model, fails }
  }

  private pickSnapshot({ snapshots }: ModelContainer): { name: string; files: Files } | null {
    if (snapshots.size === 0) return null
    const [name, { files }] = this.pick([...snapshots])
    return { name, files }
  }

  private freeName(): string | null {
    const free = NAMES.filter((name) => !this.containers.has(name))
    return free.length === 0 ? null : this.pick(free)
  }

  private pick<T>(list: readonly T[]): T {
    return list[Math.floor(this.random() * list.length)] as T
  }

  private data(name: string): string {
    // Mounted, or the files would go under the mount.
    const root = join(this.lane.lxcpath, name, 'rootfs')
    if (readFileSync(join(root, 'data/there'), 'utf8') !== 'there\n') throw new Error(`${name}: its files are not shown`)
    return join(root, 'data')
  }
}

/** dump-stacks tells a file by its path, and its content by a hash. */
function compareFiles(label: string, expected: Files | undefined, tree: string | undefined): string[] {
  if (expected === undefined) return [`${label} is there`]
  if (tree === undefined) return [`${label} is missing`]
  const found = new Map([...tree.matchAll(/^\/data\/(\S+) 10\d+ .* ([0-9a-f]{16})$/gm)].map(([, path, hash]) => [path, hash]))
  found.delete('there')
  const missing = [...expected].filter(([path, content]) => found.get(path) !== hashOf(content))
  const more = [...found.keys()].filter((path) => !expected.has(path ?? ''))
  return [...missing.map(([path, content]) => `${label}: ${path} is not ${JSON.stringify(content)}`), ...more.map((path) => `${label}: ${path} is there`)]
}

function hashOf(content: string): string {
  let hash = 0xcbf29ce484222325n
  for (const byte of Buffer.from(content)) hash = BigInt.asUintN(64, (hash ^ BigInt(byte)) * 0x100000001b3n)
  return hash.toString(16).padStart(16, '0')
}

/** The same numbers for the same seed: mulberry32. */
export function randomOf(seed: number): () => number {
  let state = seed >>> 0
  return () => {
    state = (state + 0x6d2b79f5) >>> 0
    let t = Math.imul(state ^ (state >>> 15), 1 | state)
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296
  }
}
