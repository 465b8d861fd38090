/**
 * Layers that somebody reads for a long time without a container's lock (an export): LXCPATH/.pool/hold/PID-START-…, with their names in it. As
 * long as that process lives they are referred to; what a dead one left is removed by who finds it.
 */
import { randomBytes } from 'node:crypto'
import { errnoOf } from '../errors.ts'
import type { Host } from '../host/host.ts'
import { processStart } from '../host/process-start.ts'

/** The caller holds the pool's lock, or the lock of a container that refers to them. What is returned ends it. */
export function holdEntries(host: Host, pool: string, names: readonly string[]): () => void {
  // Where nobody can write, nobody removes anything: files come off a disk that is read-only after an error.
  if (isReadOnly(host, pool)) return () => undefined
  const start = processStart(host.fs, '/proc', host.pid) ?? 0
  const file = `${pool}/hold/${host.pid}-${start}-${randomBytes(4).toString('hex')}`
  for (let tries = 1; !put(host, pool, file, names, tries); tries++);
  return () => remove(host, pool, file)
}

function isReadOnly(host: Host, directory: string): boolean {
  try {
    host.fs.accessSync(directory, host.fs.constants.W_OK)
    return false
  } catch (error) {
    if (errnoOf(error) !== 'EROFS') throw error
    return true
  }
}

/** False: another one's release took the empty directory away just then. */
function put(host: Host, pool: string, file: string, names: readonly string[], tries: number): boolean {
  host.fs.mkdirSync(`${pool}/hold`, { recursive: true, mode: 0o700 })
  try {
    host.writeFileAtomic(file, `${names.join('\n')}\n`, 0o600)
    return true
  } catch (error) {
    if (errnoOf(error) !== 'ENOENT' || tries > 100) throw error
    return false
  }
}

function remove(host: Host, pool: string, file: string): void {
  host.fs.rmSync(file, { force: true })
  try {
    host.fs.rmdirSync(`${pool}/hold`)
  } catch (error) {
    if (!['ENOTEMPTY', 'EEXIST', 'ENOENT'].includes(errnoOf(error) ?? '')) throw error
  }
}

/** As holdEntries() names them, and as writeFileAtomic() does before the rename. */
const HOLD = /^(\.?)(\d+)-(\d+)-[0-9a-f]{8}(?:\.[0-9a-f]{12})?$/

/** What the living hold. */
export function readHolds(host: Host, pool: string): { file: string; names: string[] }[] {
  return list(host, `${pool}/hold`).flatMap((entry) => {
    const file = `${pool}/hold/${entry}`
    const [, hidden, pid, start] = HOLD.exec(entry) ?? []
    if (pid === undefined || start === undefined) return []
    // Half written, under a name of its own: whoever writes it refers to these layers otherwise until it is there.
    if (processStart(host.fs, '/proc', Number(pid)) === Number(start)) return hidden === '' ? [{ file, names: read(host, file) }] : []
    remove(host, pool, file)
    return []
  })
}

function read(host: Host, file: string): string[] {
  try {
    return host.fs.readFileSync(file, 'utf8').split('\n').filter((name) => name !== '')
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return []
    throw error
  }
}

function list(host: Host, directory: string): string[] {
  try {
    return host.fs.readdirSync(directory)
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return []
    throw error
  }
}
