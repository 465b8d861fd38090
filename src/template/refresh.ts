/** Makes an entry of the cache again, by its own template with the options that it noted down. */
import { TlxcError } from '../errors.ts'
import type { Host } from '../host/host.ts'
import type { CacheEntry } from './cache.ts'
import { findTemplate, type TemplateEnvironment } from './find.ts'
import { confined, sweepCaches, templateEnvironment } from './run.ts'

export interface RefreshContext {
  readonly host: Host
  readonly env: TemplateEnvironment
  readonly signal: AbortSignal
  readonly quiet: boolean
  readonly json: boolean
  readonly stderr: { write(text: string): void }
  readonly log: { error(text: string): void }
}

/**
 * Each image once, whatever became of the others: returns how many failed, having told why. What was there of those stays. Of one alone
 * the error is thrown: TlxcError TEMPLATE. Throws INTERRUPTED, too.
 */
export async function refreshEntries(ctx: RefreshContext, entries: readonly CacheEntry[]): Promise<number> {
  // Two entries with the same options: a newer version of the template has made one of them, and drops the other now.
  const images = new Map(entries.filter(({ kind }) => kind === 'image').map((entry) => [entry.args.length === 0 ? entry.path : [entry.template, ...entry.args].join('\n'), entry]))
  let failed = 0
  for (const entry of images.values()) {
    try {
      await refreshEntry(ctx, entry)
    } catch (error) {
      if (images.size === 1 || !(error instanceof TlxcError) || error.code === 'INTERRUPTED') throw error
      failed++
      ctx.log.error(error.hint === undefined ? error.message : `${error.message}; ${error.hint}`)
    }
  }
  return failed
}

async function refreshEntry(ctx: RefreshContext, entry: CacheEntry): Promise<void> {
  const { host } = ctx
  const name = `${entry.template}/${entry.name}`
  if (entry.args.length === 0) {
    throw new TlxcError('TEMPLATE', `cannot refresh "${name}": its template did not note down how it was made`, { hint: `tlxc-template cache --flush ${name}; the next create makes it again` })
  }
  const template = findTemplate(host, entry.template, ctx.env)
  try {
    await runRefresh(ctx, name, template, entry.args)
  } catch (error) {
    await sweepCaches(host, ctx.env)
    throw error
  }
}

async function runRefresh(ctx: RefreshContext, name: string, template: string, options: readonly string[]): Promise<void> {
  const [file, ...args] = confined(ctx.host, [template, '--refresh-cache', ...options])
  const { exitCode } = await ctx.host.exec(file, args, {
    umask: 0o022,
    signal: ctx.signal,
    killSignal: 'SIGKILL',
    stdin: 'ignore',
    stdout: ctx.quiet || ctx.json ? 'ignore' : 'inherit',
    env: templateEnvironment(ctx.host, ctx.env),
    onOutput: (text) => ctx.stderr.write(text),
  })
  if (exitCode !== 0) throw new TlxcError('TEMPLATE', `cannot refresh "${name}": template "${template}" failed`, { hint: 'it said why above; the old entry is still there' })
}
