/** A whole file replaced at once: readers see the old text or the new one, also after a power cut. */
import * as fs from 'node:fs'
import { basename, dirname } from 'node:path'
import { randomHex } from '../random.ts'

/** Throws the system error; the old file is then untouched and no temporary file stays. */
export function writeFileAtomic(path: string, data: string | Uint8Array, mode: number): void {
  const directory = dirname(path)
  const temporary = `${directory}/.${basename(path)}.${randomHex(6)}`
  try {
    writeDurably(temporary, data, mode)
    fs.renameSync(temporary, path)
  } catch (error) {
    fs.rmSync(temporary, { force: true })
    throw error
  }
  syncDirectory(directory)
}

function writeDurably(path: string, data: string | Uint8Array, mode: number): void {
  const { O_CREAT, O_EXCL, O_NOFOLLOW, O_WRONLY } = fs.constants
  const fd = fs.openSync(path, O_CREAT | O_EXCL | O_NOFOLLOW | O_WRONLY, 0o600)
  try {
    fs.writeFileSync(fd, data)
    fs.fchmodSync(fd, mode)
    fs.fsyncSync(fd)
  } finally {
    fs.closeSync(fd)
  }
}

function syncDirectory(path: string): void {
  const fd = fs.openSync(path, fs.constants.O_RDONLY | fs.constants.O_DIRECTORY)
  try {
    fs.fsyncSync(fd)
  } finally {
    fs.closeSync(fd)
  }
}
