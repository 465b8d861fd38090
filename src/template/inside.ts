/**
 * Files below a root file system that nobody vouches for: every name is resolved as if that directory were /, so that no symbolic link in an
 * image leads to a file of this machine. Good only while no process of the container runs: nothing may change names meanwhile.
 */
import { errnoOf, TlxcError } from '../errors.ts'
import type { Host } from '../host/host.ts'

/** As the kernel (path_resolution(7)). */
const MAX_LINKS = 40
/** Files that templates read and edit are small. */
export const MAX_SIZE = 4 << 20

/** The file on this machine that `path` means inside; its last part need not exist. Throws TlxcError TEMPLATE when that is impossible. */
export function resolveInside(host: Host, root: string, path: string): string {
  const todo = path.split('/').reverse()
  const done: string[] = []
  let links = 0
  for (let part = todo.pop(); part !== undefined; part = todo.pop()) {
    if (part === '' || part === '.') continue
    if (part === '..') {
      done.pop()
      continue
    }
    const here = [root, ...done, part].join('/')
    const found = host.fs.lstatSync(here, { throwIfNoEntry: false })
    if (found?.isSymbolicLink()) {
      links++
      if (links > MAX_LINKS) throw cannot(root, path, 'too many symbolic links')
      const target = host.fs.readlinkSync(here)
      if (target.startsWith('/')) done.length = 0
      todo.push(...target.split('/').reverse())
      continue
    }
    if (found !== undefined && !found.isDirectory() && todo.some((more) => more !== '' && more !== '.')) throw cannot(root, path, `"${part}" is no directory`)
    done.push(part)
  }
  return [root, ...done].join('/')
}

/** null: there is no such plain file inside, or it is too large to be what was meant. */
export function readInside(host: Host, root: string, path: string): string | null {
  const file = resolveInside(host, root, path)
  const found = host.fs.lstatSync(file, { throwIfNoEntry: false })
  return found?.isFile() && found.size <= MAX_SIZE ? host.fs.readFileSync(file, 'utf8') : null
}

/** Replaces the file by a new one with this content (a hard link elsewhere keeps the old one); makes missing directories. */
export function writeInside(host: Host, root: string, path: string, text: string, mode = 0o644): void {
  const file = resolveInside(host, root, path)
  makeDirectories(host, root, file.slice(0, file.lastIndexOf('/')))
  const found = host.fs.lstatSync(file, { throwIfNoEntry: false })
  if (found?.isDirectory()) throw cannot(root, path, 'it is a directory')
  if (found) host.fs.unlinkSync(file)
  host.fs.writeFileSync(file, text, { mode, flag: 'wx' })
  host.fs.chmodSync(file, found ? found.mode & 0o7777 : mode)
  if (found) host.fs.chownSync(file, found.uid, found.gid)
}

/** Makes the directory inside when it is missing; what is there stays as it is. */
export function makeDirectoryInside(host: Host, root: string, path: string, { uid, gid, mode }: { uid: number; gid: number; mode: number }): void {
  const directory = resolveInside(host, root, path)
  if (host.fs.lstatSync(directory, { throwIfNoEntry: false })) return
  makeDirectories(host, root, directory)
  if (host.uid === 0) host.fs.chownSync(directory, uid, gid)
  host.fs.chmodSync(directory, mode)
}

function makeDirectories(host: Host, root: string, directory: string): void {
  let here = root
  for (const part of directory.slice(root.length).split('/').filter(Boolean)) {
    here = `${here}/${part}`
    try {
      host.fs.mkdirSync(here, { mode: 0o755 })
    } catch (error) {
      if (errnoOf(error) !== 'EEXIST') throw error
    }
  }
}

function cannot(root: string, path: string, reason: string): TlxcError {
  return new TlxcError('TEMPLATE', `cannot use "${path}" of the image in "${root}": ${reason}`, { hint: 'the image is damaged, or not meant for containers' })
}
