/** What holds for every program of the registry, whoever wrote it. */
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { allOptions } from '../../../src/cli/common-options.ts'
import type { Command } from '../../../src/cli/command.ts'
import { renderCompletion } from '../../../src/cli/completion.ts'
import { renderManPage, renderOverviewPage } from '../../../src/cli/man.ts'
import { INTERNAL_PROGRAMS, PROGRAMS } from '../../../src/cli/registry.ts'
import { makeFakeHost, runInProcess } from '../../helpers/run-program.ts'

const root = new URL('../../../', import.meta.url)
const read = (path: string): string => readFileSync(new URL(path, root), 'utf8')
const isFlagValue = (value: string): boolean => value === 'none'

describe.each(PROGRAMS.map((program) => [program.name, program] as const))('tlxc-%s', (name, program) => {
  const command = async (): Promise<Command> => (await program.load()).default

  it('is what the registry says', async () => {
    const { name: itsName, summary, examples, description } = await command()
    expect(itsName).toBe(name)
    expect(summary).toBe(program.summary)
    expect(summary).toMatch(/^[a-z].*[^.]$/)
    expect(description).toMatch(/^[A-Z`].*[.:]$/s)
    expect(examples.length).toBeGreaterThan(0)
    for (const example of examples) expect(example.command).toMatch(new RegExp(`\\btlxc[- ]${name}\\b`))
  })

  it('has options that getopt_long can tell apart, each with a text', async () => {
    const options = allOptions(await command())
    const letters = Object.values(options).flatMap((option) => option.short ?? [])
    expect(new Set(letters).size).toBe(letters.length)
    for (const [key, option] of Object.entries(options)) {
      expect(key).toMatch(/^[a-z0-9][a-z0-9-]*$/)
      if (option.short !== undefined) expect(option.short).toMatch(/^[A-Za-z0-9]$/)
      expect(option.describe.trim()).not.toBe('')
      expect(option.describe).not.toMatch(/\.$/)
      if (isFlagValue(option.value)) expect([option.argument, option.complete, option.repeat]).toEqual([undefined, undefined, undefined])
    }
  })

  it('has a fresh manual page that tells every option', async () => {
    const page = renderManPage(await command())
    expect(read(`man/tlxc-${name}.1`), 'run npm run generate').toBe(page)
    for (const [key, option] of Object.entries(allOptions(await command()))) {
      if (option.hidden) expect(page).not.toContain(`\\-\\-${key.replaceAll('-', '\\-')}\\fR`)
      else expect(page).toContain(`\\fB\\-\\-${key.replaceAll('-', '\\-')}`)
    }
  })

  it('has the help of test/golden/help', async () => {
    const host = makeFakeHost()
    const { exitCode, stdout, stderr } = await runInProcess(host, `tlxc-${name}`, ['--help'])
    host.remove()
    expect([exitCode, stdout]).toEqual([0, ''])
    await expect(stderr).toMatchFileSnapshot(`../../golden/help/tlxc-${name}.txt`)
  })

  it('refuses what it does not know, before it does anything', async () => {
    const host = makeFakeHost()
    const { exitCode, stdout, stderr } = await runInProcess(host, `tlxc-${name}`, ['--no-such-option', 'c1'])
    expect([exitCode, stdout]).toEqual([1, ''])
    expect(stderr).toBe(`tlxc-${name}: unrecognized option '--no-such-option'\ntlxc-${name}: hint: tlxc-${name} --help lists the options\n`)
    expect(host.calls).toEqual([])
    host.remove()
  })

  it('is completed', async () => {
    const row = read('etc/completion/tlxc.bash')
      .split('\n')
      .find((line) => line.startsWith(`    ${name}) `))
    for (const [key, option] of Object.entries(allOptions(await command()))) {
      if (option.hidden) continue
      expect(row).toMatch(new RegExp(`[ ']--${key}[ ']`))
      if (option.short !== undefined) expect(row).toMatch(new RegExp(`[ ']-${option.short}[ ']`))
    }
  })
})

it('the registry has every command there is', () => {
  const names = [...PROGRAMS, ...INTERNAL_PROGRAMS].map((program) => program.name.replace(/^__/, ''))
  expect(new Set(names).size).toBe(names.length)
  const files = readdirSync(new URL('src/commands', root)).filter((file) => read(`src/commands/${file}`).includes('defineCommand({'))
  expect(files.sort()).toEqual(names.map((name) => `${name}.ts`).sort())
})

it('completion and overview page are fresh', async () => {
  const commands = await Promise.all(PROGRAMS.map(async (program) => (await program.load()).default))
  expect(read('etc/completion/tlxc.bash'), 'run npm run generate').toBe(renderCompletion(commands))
  expect(read('man/tlxc.1'), 'run npm run generate').toBe(renderOverviewPage())
})

it('no manual page is left of a program that is gone', () => {
  const pages = readdirSync(new URL('man', root)).flatMap((file) => /^tlxc-(.+)\.1$/.exec(file)?.[1] ?? [])
  expect(pages.filter((name) => !PROGRAMS.some((program) => program.name === name))).toEqual([])
  expect(existsSync(new URL('man/tlxc.1', root))).toBe(true)
})
