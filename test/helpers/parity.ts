/**
 * The same command line with real LXC and with tlxc, on equal containers, each in an lxcpath of its own. In a line, `@info c` is
 * `lxc-info -P LXCPATH c` here and `tlxc-info -P LXCPATH c` there; `$TOOL-config` is the
 * same without -P, `$DIR` the lxcpath, `$SCRATCH` what both share.
 */
import { execFileSync } from 'node:child_process'
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { isDeepStrictEqual } from 'node:util'
import { expect } from 'vitest'
import { binDir, must, run, tlxc } from './e2e.ts'

export interface Family {
  prefix: 'lxc' | 'tlxc'
  bin: string
  lxcpath: string
}

export interface Outcome {
  code: number | null
  stdout: string
}

export interface Row {
  line: string
  /** What differs from run to run: pids, ids of namespaces. */
  mask?: RegExp
  /** Differs, because … */
  why?: string
  /** What tlxc gives then. */
  own?: Partial<Outcome>
}

export function rows(...all: (string | Row)[]): Row[] {
  return all.map((row) => (typeof row === 'string' ? { line: row } : row))
}

/** The same row for each way of calling. */
export function each(line: string, ...words: string[]): Row[] {
  return words.map((word) => ({ line: line.replace('%', word) }))
}

export interface Pair {
  readonly families: readonly Family[]
  /** For what both share. */
  readonly scratch: string
  /** Writes the same configuration for both; $DIR in it is the lxcpath. With a root filesystem of its own, unless told. */
  define(name: string, config: string, options?: { rootfs?: boolean }): void
  /** Writes the same program into both root filesystems. */
  put(name: string, path: string, text: string): void
  /** Fails the test unless both say the same, or differ as the row tells. */
  compare(row: Row): Promise<void>
  dispose(): Promise<void>
}

/** Why the comparison cannot be made; null when it can. */
export function noParity(): string | null {
  return existsSync('/usr/bin/lxc-start') ? null : 'the package lxc, which it compares with, is not installed'
}

export async function makePair(): Promise<Pair> {
  const scratch = mkdtempSync('/var/tmp/tlxc-par-')
  const families: Family[] = [
    { prefix: 'lxc', bin: '/usr/bin', lxcpath: join(scratch, 'o') },
    { prefix: 'tlxc', bin: binDir, lxcpath: join(scratch, 't') },
  ]
  for (const { lxcpath } of families) mkdirSync(lxcpath, { mode: 0o700 })
  writeFileSync(join(scratch, 'empty.conf'), '# nothing\n')
  await must('create', '-P', scratch, '-q', '--privileged', '-f', join(scratch, 'empty.conf'), '-n', 'base', '-t', 'busybox')
  const base = join(scratch, 'base/rootfs')
  return {
    families,
    scratch,
    define(name, config, { rootfs = true } = {}) {
      for (const { lxcpath } of families) {
        mkdirSync(join(lxcpath, name))
        if (rootfs) execFileSync('cp', ['-a', base, join(lxcpath, name, 'rootfs')])
        writeFileSync(join(lxcpath, name, 'config'), config.replaceAll('$DIR', lxcpath))
      }
    },
    put(name, path, text) {
      for (const { lxcpath } of families) writeFileSync(join(lxcpath, name, 'rootfs', path), text, { mode: 0o755 })
    },
    async compare({ line, mask, why, own }) {
      const outcomes = await Promise.all(families.map((family) => runLine(family, line, mask)))
      const ours = outcomes[1]
      let lxc = outcomes[0]
      const asDeclared = (): boolean => isDeepStrictEqual(ours, lxc) === (why === undefined)
      // On a loaded machine lxc-attach fails now and then, or loses output. Only it is asked again; ours gets one try.
      for (let tries = 0; tries < 2 && !asDeclared() && onlyAttaches(line); tries++) lxc = await runLine(families[0] as Family, line, mask)
      if (why === undefined) return expect(ours, line).toEqual(lxc)
      expect(ours, why).toMatchObject(own ?? {})
      expect(ours, `no longer different: ${why}`).not.toEqual(lxc)
    },
    async dispose() {
      for (const { bin, prefix, lxcpath } of families) {
        const { stdout } = await run(join(bin, `${prefix}-ls`), ['-P', lxcpath, '-1', '--running'])
        for (const name of stdout.split('\n').filter((word) => word !== '')) await run(join(bin, `${prefix}-stop`), ['-P', lxcpath, '-k', '-n', name])
      }
      await tlxc('destroy', '-P', scratch, '--purge', '-n', 'base')
      // A directory of ours is a mount point, and immutable, unless tlxc removes it.
      const made = (await run(join(binDir, 'tlxc-ls'), ['-P', join(scratch, 't'), '-1'])).stdout.split('\n').filter((word) => word !== '')
      for (const name of made) await tlxc('destroy', '-P', join(scratch, 't'), '-f', '-s', '--purge', '-n', name)
      rmSync(scratch, { recursive: true, force: true })
    },
  }
}

/** May be run once more: it changes no container. */
function onlyAttaches(line: string): boolean {
  const programs = [...line.matchAll(/@([a-z]+)/g)].map(([, program]) => program)
  return programs.length > 0 && programs.every((program) => program === 'attach')
}

async function runLine(family: Family, line: string, mask: RegExp | undefined): Promise<Outcome> {
  const { bin, prefix, lxcpath } = family
  const command = line
    .replace(/@([a-z]+)/g, (_, program: string) => `${bin}/${prefix}-${program} -P ${lxcpath}`)
    .replaceAll('$TOOL', `${bin}/${prefix}`)
    .replaceAll('$SCRATCH', join(lxcpath, '..'))
    .replaceAll('$DIR', lxcpath)
    .replaceAll('$FAMILY', prefix)
  const { code, stdout } = await run('/bin/sh', ['-c', command], { timeoutMs: 60_000, env: { LC_ALL: 'C', TERM: 'linux', TEST_VAR: 'from outside' } })
  const plain = stdout.replaceAll(lxcpath, 'LXCPATH').replace(/\btlxc\b/g, 'lxc').replace(/\r/g, '')
  return { code, stdout: mask === undefined ? plain : plain.replace(mask, 'X') }
}

/** A command on a terminal of that many columns; keys are typed, in the notation of printf(1), a second after its start. */
export function onTerminal(command: string, columns = 80, keys = ''): string {
  const typed = keys === '' ? 'sleep 1' : `(sleep 1; printf '${keys}'; sleep 1)`
  return `${typed} | script -qec "stty cols ${columns} rows 24 -echo; ${command}" /dev/null`
}
