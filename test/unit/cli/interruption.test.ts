import { EventEmitter } from 'node:events'
import { closeSync, openSync, readFileSync, rmSync, mkdtempSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { defineCommand } from '../../../src/cli/command.ts'
import { descriptorOutput } from '../../../src/cli/descriptor-output.ts'
import { interruptible } from '../../../src/cli/interruption.ts'
import { TlxcError } from '../../../src/errors.ts'
import { makeFakeHost, runInProcess } from '../../helpers/run-program.ts'

it('a first signal asks to leave, a second one leaves, unless it is the first one again', () => {
  const process = new EventEmitter()
  const gaveUp: number[] = []
  let now = 1000
  const signal = interruptible(process as unknown as Pick<NodeJS.Process, 'on'>, (exitCode) => gaveUp.push(exitCode), () => now)
  expect(signal.aborted).toBe(false)
  process.emit('SIGTERM')
  expect(signal.aborted).toBe(true)
  expect(signal.reason).toMatchObject({ code: 'INTERRUPTED', message: 'interrupted by SIGTERM', exitCode: 143 })
  // As timeout(1) sends it: to the process, and to its group.
  now += 20
  process.emit('SIGTERM')
  expect(gaveUp).toEqual([])
  now += 200
  process.emit('SIGINT')
  expect(gaveUp).toEqual([130])
})

it.each([
  ['the reason itself', (reason: unknown): unknown => reason, 'interrupted by SIGTERM'],
  ['an error of its own', (): unknown => new TlxcError('INTERRUPTED', 'cannot create "c1": interrupted', { exitCode: 130 }), 'cannot create "c1": interrupted'],
  ['an AbortError of Node', (): unknown => Object.assign(new Error('This operation was aborted'), { name: 'AbortError' }), 'interrupted by SIGTERM'],
])('an interrupted command that throws %s exits as if the signal had killed it', async (_, errorOf, message) => {
  const host = makeFakeHost()
  const process = new EventEmitter()
  const signal = interruptible(process as unknown as Pick<NodeJS.Process, 'on'>, () => undefined)
  const sleep = defineCommand({
    name: 'sleep',
    summary: 'sleep',
    description: '',
    options: {},
    examples: [],
    nameMode: 'none',
    run: (_args, ctx) =>
      new Promise((_resolve, reject) => {
        ctx.signal.addEventListener('abort', () => reject(errorOf(ctx.signal.reason) as Error))
        process.emit('SIGTERM')
      }),
  })
  const programs = [{ name: 'sleep', group: 'Looking', summary: 'sleep', load: () => Promise.resolve({ default: sleep }) }] as const
  expect(await runInProcess(host, 'tlxc', ['sleep'], { signal, programs })).toEqual({ exitCode: 143, stdout: '', stderr: `tlxc-sleep: ${message}\n` })
  host.remove()
})

it('says what is wrong with the output', () => {
  const fd = openSync('/dev/full', 'w')
  const output = descriptorOutput(fd, () => {
    throw new Error('unused')
  })
  expect(() => output.write('x')).toThrow(`cannot write to descriptor ${String(fd)}: ENOSPC`)
  closeSync(fd)
})

it('writes whole texts and bytes to a descriptor', () => {
  const dir = mkdtempSync(join(tmpdir(), 'tlxc-test-'))
  const fd = openSync(join(dir, 'out'), 'w')
  const output = descriptorOutput(fd, () => {
    throw new Error('a file is no terminal')
  })
  output.write('é'.repeat(100_000))
  output.write(new Uint8Array([0, 255]))
  expect([output.isTTY, output.columns, output.rows]).toEqual([false, 80, 0])
  closeSync(fd)
  const bytes = readFileSync(join(dir, 'out'))
  expect(bytes.length).toBe(200_002)
  expect([...bytes.subarray(-2)]).toEqual([0, 255])
  rmSync(dir, { recursive: true })
})
