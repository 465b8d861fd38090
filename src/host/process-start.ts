/** Telling a process from a later one with the same pid. */
import type * as fs from 'node:fs'
import { errnoOf } from '../errors.ts'
import { parseStatStart } from './parse-proc.ts'

/** Start time of a living process in clock ticks since boot (field 22 of /proc/PID/stat), null when there is none. */
export function processStart(files: typeof fs, proc: string, pid: number): number | null {
  try {
    return parseStatStart(files.readFileSync(`${proc}/${pid}/stat`, 'utf8'))
  } catch (error) {
    if (errnoOf(error) === 'ENOENT' || errnoOf(error) === 'ESRCH') return null
    throw error
  }
}
