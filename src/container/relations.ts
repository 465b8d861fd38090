/**
 * Which container was cloned from which, in LXC's two files: lxc_snapshots in the original (two lines a clone: its lxcpath, its name) and
 * lxc_rdepends in the clone. With layers neither needs the other; the files are what scripts read, and why a destroy asks for -s. Who changes
 * a list of an lxcpath holds its pool's lock: a clone's command has not that of the original.
 */
import { errnoOf } from '../errors.ts'
import type { Host } from '../host/host.ts'
import { realPath } from '../host/real-path.ts'
import type { Step } from '../storage/journal.ts'
import { POOL_TIMEOUT_MS } from './layers.ts'
import { withPoolLock } from './lock.ts'
import type { Container } from './store.ts'

export interface Relative {
  lxcpath: string
  name: string
}

export function clonesOf(host: Host, { dir }: Pick<Container, 'dir'>): Relative[] {
  return read(host, `${dir}/lxc_snapshots`)
}

export function originsOf(host: Host, { dir }: Pick<Container, 'dir'>): Relative[] {
  return read(host, `${dir}/lxc_rdepends`)
}

export async function addClone(host: Host, origin: Container, clone: Container): Promise<void> {
  // First in the clone, which is not complete yet: who sweeps it away can tell by this whose list it may be in.
  put(host, `${clone.dir}/lxc_rdepends`, [...without(originsOf(host, clone), origin), origin])
  await listClone(host, origin, clone)
}

async function listClone(host: Host, origin: Relative, clone: Relative): Promise<void> {
  const dir = `${origin.lxcpath}/${origin.name}`
  await locked(host, origin, () => {
    if (host.fs.existsSync(`${dir}/config`)) put(host, `${dir}/lxc_snapshots`, [...without(clonesOf(host, { dir }), clone), clone])
  })
}

/** The clone is gone. */
export async function dropClone(host: Host, clone: Relative, origins: readonly Relative[]): Promise<void> {
  for (const origin of origins) {
    const file = `${origin.lxcpath}/${origin.name}/lxc_snapshots`
    if (!host.fs.existsSync(file)) continue
    await locked(host, origin, () => {
      if (host.fs.existsSync(file)) put(host, file, without(read(host, file), clone))
    })
  }
}

/** It is about to be there again: one that is listed and not there is found by the check, the other way round is not. */
export async function returnClone(host: Host, clone: Relative, origins: readonly Relative[]): Promise<void> {
  for (const origin of origins) await listClone(host, origin, clone)
}

/**
 * The list of a destroyed container, in its directory, before that comes back: clones may have gone, or got other names, while nobody kept
 * it. The caller holds the pool's lock.
 */
export function renewClones(host: Host, origin: Relative, dir: string): void {
  const is = (one: Relative, other: Relative): boolean => one.lxcpath === other.lxcpath && one.name === other.name
  const { lxcpath } = origin
  const listed = clonesOf(host, { dir }).filter((clone) => host.fs.existsSync(`${clone.lxcpath}/${clone.name}/config`))
  const others = host.fs.readdirSync(lxcpath).map((name) => ({ lxcpath, name }))
  const unlisted = others.filter(({ name }) => originsOf(host, { dir: `${lxcpath}/${name}` }).some((one) => is(one, origin)))
  put(host, `${dir}/lxc_snapshots`, [...listed, ...unlisted.filter((clone) => !listed.some((one) => is(one, clone)))])
}

/** Clones that are no more: their destroy was interrupted before it could say so. */
export function deadClones(host: Host, origin: Container): Relative[] {
  return clonesOf(host, origin).filter(({ lxcpath, name }) => !host.fs.existsSync(`${lxcpath}/${name}/config`))
}

export async function forgetClones(host: Host, origin: Container, dead: readonly Relative[]): Promise<void> {
  await locked(host, origin, () => {
    const left = clonesOf(host, origin).filter((clone) => dead.every(({ lxcpath, name }) => lxcpath !== clone.lxcpath || name !== clone.name))
    put(host, `${origin.dir}/lxc_snapshots`, left)
  })
}

function locked(host: Host, { lxcpath }: Pick<Relative, 'lxcpath'>, change: () => void): Promise<void> {
  return withPoolLock(host, lxcpath, 'change of the list of clones', POOL_TIMEOUT_MS, () => Promise.resolve(change()))
}

/** What others say of a container that gets another name; steps of the rename's journal where they lie below the same lxcpath. The caller holds its pool's lock. */
export function renameRelations(host: Host, from: Container, to: Container): Step[] {
  const asClone = originsOf(host, from).map((origin) => ({ ...origin, file: 'lxc_snapshots' }))
  const asOrigin = clonesOf(host, from).map((clone) => ({ ...clone, file: 'lxc_rdepends' }))
  return [...asClone, ...asOrigin].flatMap(({ lxcpath, name, file }): Step[] => {
    const path = `${lxcpath}/${name}/${file}`
    if (lxcpath !== from.lxcpath || !host.fs.existsSync(path)) return []
    const before = host.fs.readFileSync(path, 'utf8')
    return [{ do: 'write', path: `${name}/${file}`, before, after: encode([...without(read(host, path), from), to]), mode: 0o644, shared: true }]
  })
}

function without(relatives: readonly Relative[], one: Relative): Relative[] {
  return relatives.filter(({ lxcpath, name }) => lxcpath !== one.lxcpath || name !== one.name)
}

function read(host: Host, file: string): Relative[] {
  try {
    const lines = host.fs.readFileSync(file, 'utf8').split('\n')
    const relatives = lines.flatMap((lxcpath, at) => (at % 2 === 0 && lxcpath !== '' && lines[at + 1] ? [{ lxcpath: realPath(host.fs, lxcpath), name: lines[at + 1] ?? '' }] : []))
    // An lxcpath that was moved, with a link left in its place, may be there under both names.
    return relatives.filter(({ lxcpath, name }, at) => relatives.findIndex((one) => one.lxcpath === lxcpath && one.name === name) === at)
  } catch (error) {
    if (errnoOf(error) === 'ENOENT' || errnoOf(error) === 'ENOTDIR') return []
    throw error
  }
}

/** LXC: no file, no clones. */
function put(host: Host, file: string, relatives: readonly Relative[]): void {
  if (relatives.length === 0) host.fs.rmSync(file, { force: true })
  else host.writeFileAtomic(file, encode(relatives), 0o644)
}

function encode(relatives: readonly Relative[]): string {
  return relatives.map(({ lxcpath, name }) => `${lxcpath}\n${name}\n`).join('')
}
