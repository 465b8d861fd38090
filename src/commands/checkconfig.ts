/** tlxc-checkconfig: what this kernel and host can do for containers, or for one container. */
import { defineCommand, type Context } from '../cli/command.ts'
import type { Finding } from '../container/preflight.ts'
import type { Container } from '../container/store.ts'
import { TlxcError } from '../errors.ts'
import { EXIT } from '../exit-codes.ts'
import type { CheckLine, KernelCheck } from '../host/kernel-check.ts'
import { renderJson } from '../render/json.ts'

export default defineCommand({
  name: 'checkconfig',
  summary: 'check what this kernel and host can do for containers',
  description:
    'Without NAME: what the kernel has, in the sections of lxc-checkconfig. CONFIG=FILE in the environment names another kernel configuration. ' +
    'With NAME: everything that would keep this container from starting, each with its mend; exit code 1 if there is something. ' +
    'With --storage: layers, views, snapshots and trash below the container path; what an interrupted command left is finished, undone or removed, ephemeral containers that have stopped and are still ' +
    'there are destroyed, and what is gone is named; ' +
    'exit code 1 if something is wrong that could not be mended.',
  nameMode: 'optional',
  options: {
    storage: { value: 'none', describe: 'Check the storage of all containers, and mend it' },
    'dry-run': { value: 'none', describe: 'With --storage: only look' },
  },
  examples: [
    { command: 'tlxc-checkconfig', describe: 'Check the kernel' },
    { command: 'tlxc-checkconfig c1', describe: 'Check what c1 needs' },
    { command: 'tlxc-checkconfig --storage', describe: 'Check the layers after a crash' },
  ],
  json: true,
  async run({ options }, ctx) {
    if (options.storage === true && ctx.name !== '') throw new TlxcError('USAGE', '--storage checks all containers: it takes no NAME', { hint: `tlxc-checkconfig --storage, or tlxc-checkconfig ${ctx.name}` })
    if (options.storage === true) return await checkLayers(ctx, options['dry-run'] !== true)
    if (options['dry-run'] === true) throw new TlxcError('USAGE', '--dry-run means nothing without --storage', { hint: 'only --storage changes something' })
    return ctx.name === '' ? await checkHost(ctx) : await checkContainer(ctx)
  },
})

async function checkHost(ctx: Context): Promise<void> {
  const { checkKernel } = await import('../host/kernel-check.ts')
  const check = checkKernel(ctx.host.fs, ctx.env['CONFIG'], ctx.env['PATH'] ?? '/usr/sbin:/usr/bin:/sbin:/bin')
  ctx.stdout.write(ctx.json ? renderJson('checkconfig', { config_file: check.configFile, sections: check.sections }) : renderKernel(check, ctx.stdout.isTTY && !ctx.env['NO_COLOR']))
}

async function checkLayers(ctx: Context, mend: boolean): Promise<number> {
  const { checkStorage } = await import('../container/check-storage.ts')
  const storage = await checkStorage(ctx, ctx.lxcpath, mend)
  if (ctx.json) ctx.stdout.write(renderJson('checkconfig', { storage }))
  else if (storage.length === 0) ctx.stdout.write(`${ctx.lxcpath}: nothing wrong\n`)
  else for (const { subject, message, mended } of storage) ctx.stdout.write(`${mended ? 'mended' : mend ? 'error' : 'found'}: ${subject}: ${message}\n`)
  return storage.every(({ mended }) => mended) ? EXIT.ok : EXIT.failure
}

async function checkContainer(ctx: Context): Promise<number> {
  const [{ preflight }, { containerAt }, { readSystemConfig }] = await Promise.all([
    import('../container/preflight.ts'),
    import('../container/store.ts'),
    import('../container/system-config.ts'),
  ])
  const container = containerAt(ctx.host, ctx.lxcpath, ctx.name)
  const found = preflight(ctx.host, container, readSystemConfig(ctx.host))
  const findings = found.some(({ severity }) => severity === 'error') ? found : [...found, ...(await plannerFindings(ctx, container))]
  if (ctx.json) ctx.stdout.write(renderJson('checkconfig', { name: ctx.name, findings }))
  else if (findings.length === 0) ctx.stdout.write(`${ctx.name}: nothing found that would keep it from starting\n`)
  else for (const { severity, message, hint } of findings) ctx.stdout.write(`${severity}: ${message}\n${hint === undefined ? '' : `  hint: ${hint}\n`}`)
  return findings.some(({ severity }) => severity === 'error') ? EXIT.failure : EXIT.ok
}

/** What only planning a start finds out: files that the configuration names, namespaces that exclude each other, … */
async function plannerFindings(ctx: Context, container: Container): Promise<Finding[]> {
  const { planStart } = await import('../container/start.ts')
  try {
    const { host, env, lockTimeoutMs, log } = ctx
    await planStart({ host, env, lockTimeoutMs, log: { ...log, warn: () => undefined } }, container, { execute: false, foreground: false, defines: [], share: [] }, { touch: false })
    return []
  } catch (error) {
    if (!(error instanceof TlxcError)) throw error
    return [{ severity: 'error', message: error.message, ...(error.hint === undefined ? {} : { hint: error.hint }) }]
  }
}

function renderKernel({ configFile, sections }: KernelCheck, coloured: boolean): string {
  const body = sections.map(({ title, lines }) => `--- ${title} ---\n${lines.map((line) => `${lineText(line, coloured)}\n`).join('')}`)
  const note = 'Note : Before booting a new kernel, you can check its configuration\nusage : CONFIG=/path/to/config tlxc-checkconfig\n'
  return `Kernel configuration found at ${configFile}\n${[...body, note].join('\n')}\n`
}

const COLOURS = { enabled: '32', missing: '33', required: '31' } as const

function lineText({ text, status, loaded }: CheckLine, coloured: boolean): string {
  if (status === null) return text
  const word = coloured ? `\x1b[1;${COLOURS[status]}m${status}\x1b[0;39m` : status
  return `${text}: ${word}${loaded === null ? '' : loaded ? ', loaded' : ', not loaded'}`
}
