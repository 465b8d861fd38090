/** argv0 → program → run → exit code. The only place that looks at the process, and the only one that exits. */
import { dirname, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { descriptorOutput } from './cli/descriptor-output.ts'
import { interruptible } from './cli/interruption.ts'
import { runProgram } from './cli/run.ts'
import { makeHost } from './host/real-host.ts'

// A compiled executable carries its sources in a virtual file system of Bun's.
const compiled = import.meta.url.includes('/$bunfs/')
const prefix = compiled ? resolve(dirname(process.execPath), '../..') : fileURLToPath(new URL('../build/prefix', import.meta.url))
// A root of their own for tests: /etc/tlxc, /run/tlxc, /var/lib/tlxc and the rest below it. sudo and cron do not pass it on.
const root = process.env['TLXC_ROOT'] ?? ''
const calledAs = compiled ? process.argv0 : 'tlxc'
const cwd = workingDirectory()
// Told to our own runtime by native/cmd/quick.c; what we run, and what tlxc-attach takes along, must not have it.
delete process.env['BUN_JSC_useJIT']
const signal = interruptible(process, (exitCode) => process.exit(exitCode))

const exitCode = await runProgram(calledAs, process.argv.slice(2), {
  host: makeHost({ prefix, root, env: process.env, cwd }),
  get stdin() {
    return process.stdin
  },
  stdout: descriptorOutput(1, () => process.stdout),
  stderr: descriptorOutput(2, () => process.stderr),
  env: process.env,
  cwd,
  signal,
})
process.exit(exitCode)

/** A working directory that was deleted is no reason to refuse: only relative paths suffer. */
function workingDirectory(): string {
  try {
    return process.cwd()
  } catch {
    return '/'
  }
}
