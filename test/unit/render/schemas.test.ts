import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { PROGRAMS } from '../../../src/cli/registry.ts'
import type { Status } from '../../../src/protocol/generated.ts'
import { infoAsJson } from '../../../src/render/info.ts'
import { renderJson } from '../../../src/render/json.ts'
import { makeFakeHost, runInProcess } from '../../helpers/run-program.ts'
import { problemsOf, readSchema, type Schema } from '../../helpers/json-schema.ts'

const kinds = readdirSync(new URL('../../../src/render/schemas', import.meta.url)).flatMap((file) => /^(.+)\.json$/.exec(file)?.[1] ?? [])

/** Programs that print something else than one document of their own name. */
const KIND_OF: Readonly<Record<string, string>> = { monitor: 'event', clone: 'copy' }

function fieldsOf(schema: Schema): string[] {
  const own = Object.entries(schema.properties ?? {}).flatMap(([key, field]) => [key, ...fieldsOf(field)])
  return [...own, ...(schema.items ? fieldsOf(schema.items) : []), ...(schema.additionalProperties ? fieldsOf(schema.additionalProperties) : [])]
}

describe.each(kinds)('schema of %s', (kind) => {
  it('names itself and describes every field', () => {
    const schema = readSchema(kind)
    expect(schema).toMatchObject({ title: `tlxc/${kind}/1`, type: 'object', properties: { schema: { const: `tlxc/${kind}/1` } } })
    expect(schema.description).toMatch(/\.$/)
    for (const key of schema.required ?? []) expect(schema.properties).toHaveProperty(key)
    for (const key of fieldsOf(schema)) expect(key).toMatch(/^[a-z0-9_]+$/)
    for (const [key, field] of Object.entries(schema.properties ?? {})) if (key !== 'schema') expect(field.description, key).toBeTruthy()
  })
})

it.each(PROGRAMS.map((program) => [program.name, program] as const))('tlxc-%s has a schema exactly when it has --json', async (name, program) => {
  expect(kinds.includes(KIND_OF[name] ?? name)).toBe((await program.load()).default.json === true)
})

it('an error fits its schema', async () => {
  const host = makeFakeHost()
  const { stderr } = await runInProcess(host, 'tlxc-create', ['c1', '--json'])
  host.remove()
  expect(stderr).toContain('"code":"USAGE"')
  expect(problemsOf(stderr)).toEqual([])
})

describe('real output fits its schema', () => {
  it.each(['tlxc-ls --json', 'tlxc-info c1 --json', 'tlxc-info c1 --json -c lxc.uts.name -c lxc.nothing', 'tlxc-wait c1 -s STOPPED --json',
    'tlxc-autostart -L -a -A --json',
    'tlxc-checkconfig c1 --json',
    'tlxc-config --json',
  ])('%s', async (line) => {
    const host = makeFakeHost()
    mkdirSync(`${host.paths.lxcpath}/c1`)
    writeFileSync(`${host.paths.lxcpath}/c1/config`, 'lxc.uts.name = c1\nlxc.group = web\n')
    const [program = '', ...argv] = line.split(' ')
    const { exitCode, stdout, stderr } = await runInProcess(host, program, argv)
    host.remove()
    // checkconfig exits 1 for what it finds in this bare root.
    expect([exitCode > 1, stderr.replace('lxc.nothing invalid\n', '')]).toEqual([false, ''])
    expect(stdout).not.toBe('')
    expect(problemsOf(stdout)).toEqual([])
  })

  it('tlxc-info of a running container', () => {
    const address = { family: 4, address: '10.0.3.5', prefix: 24, scope: 0 }
    const status = { state: 'RUNNING', init_pid: 7, monitor_pid: 6, started: 5, interfaces: [{ name: 'eth0', host_name: 'veth1', rx_bytes: 1, tx_bytes: 2, addresses: [address] }] }
    const container = { name: 'c1', lxcpath: '/var/lib/tlxc', dir: '', configFile: '', runDir: '' }
    const document = infoAsJson(container, status as unknown as Status, { cpuNanoseconds: 5, memoryBytes: 6 })
    expect(problemsOf(renderJson('info', document))).toEqual([])
    expect(document).toMatchObject({ pid: 7, stats: { cpu_nanoseconds: 5, memory_bytes: 6, swap_bytes: null } })
  })
})

it('every schema is listed in the README of the folder', () => {
  const readme = readFileSync(new URL('../../../src/render/schemas/README.md', import.meta.url), 'utf8')
  for (const kind of kinds) expect(readme).toMatch(new RegExp(`^\\|.*\`${kind}\`.*\\|.*\\|$`, 'm'))
})

it('the golden plans fit the schema of --explain', () => {
  const folder = new URL('../../fixtures/plans/', import.meta.url)
  for (const file of readdirSync(folder).filter((name) => name.endsWith('.json'))) {
    const plan = JSON.parse(readFileSync(new URL(file, folder), 'utf8')) as object
    expect(problemsOf(JSON.stringify({ schema: 'tlxc/plan/1', ...plan })), file).toEqual([])
  }
})

describe('the check', () => {
  it('finds what does not fit', () => {
    const container = { name: 'c1', lxcpath: '/var/lib/tlxc', kept: null, undoable: true }
    const document = (change: object): string => JSON.stringify({ schema: 'tlxc/destroy/1', container: { ...container, ...change }, purged: [] })
    expect(problemsOf(document({}))).toEqual([])
    expect(problemsOf(document({ kept: 3 }))).toEqual(['destroy.container.kept: integer instead of string or null'])
    expect(problemsOf(document({ more: 3 }))).toEqual(['destroy.container.more: not in the schema'])
    expect(problemsOf('{"schema":"tlxc/destroy/1"}')).toEqual(['destroy.container: missing', 'destroy.purged: missing'])
    expect(problemsOf('{"schema":"tlxc/nothing"}')).toEqual(['unknown schema tlxc/nothing'])
  })
})
