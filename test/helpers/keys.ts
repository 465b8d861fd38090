/** For the tests of configuration keys: a container started with some lines more. */
import { spawnSync } from 'node:child_process'
import { chmodSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { leavesNothing, must, tlxc } from './e2e.ts'

export const lxcpath = join(process.env['TLXC_ROOT'] ?? '', 'var/lib/tlxc')
/** Where scripts and files of these tests are. */
export const work = join(process.env['TLXC_ROOT'] ?? '', 'keys')
export const NO_NET = 'lxc.net =\n'

export function configFile(name: string): string {
  return join(lxcpath, name, 'config')
}

/** Runs fn with the container started by its configuration and `lines`. */
export async function started<T>(name: string, lines: string, fn: () => Promise<T>): Promise<T> {
  const good = readFileSync(configFile(name), 'utf8')
  writeFileSync(configFile(name), `${good}${lines}`)
  try {
    await must('start', '-n', name)
    return await fn()
  } finally {
    await tlxc('stop', '-k', '-n', name)
    await leavesNothing(name)
    writeFileSync(configFile(name), good)
  }
}

export function inside(name: string, script: string): Promise<string> {
  return must('attach', '-n', name, '--', 'sh', '-c', script)
}

/** Host programs of the tests' own set-up; a failure is a failure of the test. */
export function host(file: string, ...args: string[]): string {
  const { status, stdout, stderr } = spawnSync(file, args, { encoding: 'utf8' })
  if (status !== 0) throw new Error(`${file} ${args.join(' ')}: ${stderr}`)
  return stdout
}

export function script(name: string, text: string): string {
  const file = join(work, name)
  writeFileSync(file, `#!/bin/sh\n${text}\n`)
  chmodSync(file, 0o755)
  return file
}
