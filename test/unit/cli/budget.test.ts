/** What a cold start loads, counted instead of timed: modules and packages do not depend on the machine. */
import { fileURLToPath } from 'node:url'
import { describe, expect, it } from 'vitest'
import { PROGRAMS } from '../../../src/cli/registry.ts'
import { staticImports } from '../../helpers/module-graph.ts'

const source = (path: string): string => fileURLToPath(new URL(`../../../src/${path}`, import.meta.url))

/** Programs that people and scripts call all the time. */
const HOT = ['attach', 'console', 'freeze', 'info', 'ls', 'unfreeze', 'wait']

/** Grows only with a reason. hash.ts, random.ts, connect.ts and bun.ts stand for node:crypto and node:net, which cost far more; the protocol grew by storage, host by real paths. */
const MODULES = 48
const BYTES = 180_000

describe('before a program is known', () => {
  const { modules, packages } = staticImports(source('main.ts'))

  it('no package and no command is loaded', () => {
    expect(packages).toEqual([])
    expect(modules.filter((file) => file.includes('/commands/'))).toEqual([])
  })

  it('only the command line and the bare host are', () => {
    expect(modules.length, modules.join('\n')).toBeLessThanOrEqual(30)
  })
})

describe.each(HOT)('tlxc-%s', (name) => {
  it('loads no package, and not much of ours', () => {
    const { modules, packages, bytes } = staticImports(source('main.ts'), source(`commands/${name}.ts`))
    expect(packages, modules.join('\n')).toEqual([])
    expect(modules.filter((file) => /\/config\/(?:load|schema)/.test(file))).toEqual([])
    expect(modules.length, modules.join('\n')).toBeLessThanOrEqual(MODULES)
    expect(bytes, modules.join('\n')).toBeLessThanOrEqual(BYTES)
  })
})

it.each(PROGRAMS.map((program) => program.name))('tlxc-%s loads heavy packages only when it needs them', (name) => {
  // ini is 300 lines and reads what these programs always read; the others cost 10 ms and more.
  expect(staticImports(source(`commands/${name}.ts`)).packages.filter((used) => used !== 'ini')).toEqual([])
})

it('the count itself counts', () => {
  expect(staticImports(source('cli/help.ts')).packages).toEqual(['yargs'])
  expect(staticImports(source('cli/run.ts')).modules).toContain(source('errors.ts'))
  expect(staticImports(source('cli/run.ts')).modules).not.toContain(source('cli/help.ts'))
})
