/** `npm run generate`: writes every generated file; with --check, fails when one is stale instead. */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { Command } from '../cli/command.ts'
import { renderCompletion } from '../cli/completion.ts'
import { renderManPage, renderOverviewPage } from '../cli/man.ts'
import { PROGRAMS } from '../cli/registry.ts'
import { containerConfigPage, systemConfigPage } from '../config/manpage.ts'
import { generateHeader, generateSource, generateTypeScript } from './generate-protocol.ts'
import { generatePlanSchema } from './plan-schema.ts'

const root = join(dirname(fileURLToPath(import.meta.url)), '../..')

/** Relative path → content. Each generator adds its rows here. */
const files: Record<string, string> = {
  'src/protocol/generated.ts': generateTypeScript(),
  'native/include/protocol.gen.h': generateHeader(),
  'native/src/protocol.gen.c': generateSource(),
  'src/render/schemas/plan.json': generatePlanSchema(),
  'man/tlxc.container.conf.5': containerConfigPage(),
  'man/tlxc.conf.5': systemConfigPage(),
}

const check = process.argv.includes('--check')
let stale = 0
const commands = await loadCommands()
files['man/tlxc.1'] = renderOverviewPage()
files['etc/completion/tlxc.bash'] = renderCompletion(commands)
for (const command of commands) files[`man/tlxc-${command.name}.1`] = renderManPage(command)

for (const [path, content] of Object.entries(files)) {
  const file = join(root, path)
  const text = content.endsWith('\n') ? content : `${content}\n`
  if (read(file) === text) continue
  if (check) {
    process.stderr.write(`stale: ${path} (run npm run generate)\n`)
    stale++
  } else {
    mkdirSync(dirname(file), { recursive: true })
    writeFileSync(file, text)
  }
}
process.exitCode = stale > 0 ? 1 : 0

/** A command that cannot be loaded fails the run, after the rest is written. */
async function loadCommands(): Promise<Command[]> {
  const commands: Command[] = []
  for (const program of PROGRAMS) {
    try {
      commands.push((await program.load()).default)
    } catch (error) {
      process.stderr.write(`cannot load command ${program.name}: ${String(error)}\n`)
      stale++
    }
  }
  return commands
}

function read(file: string): string | null {
  try {
    return readFileSync(file, 'utf8')
  } catch {
    return null
  }
}
