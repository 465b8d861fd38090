/** Renders the files that tlxc itself writes, from *.hbs beside the templates. The only importer of handlebars. */
import { errnoOf, TlxcError } from '../errors.ts'
import type { Host } from '../host/host.ts'

/** `name` without ".hbs". Throws TlxcError TEMPLATE when the installation lacks it. Values go in as they are; none may have a line break. */
export function renderFile(host: Host, name: string, values: Readonly<Record<string, unknown>>): Promise<string> {
  return renderPath(host, `${host.paths.templates}/${name}.hbs`, values)
}

/** The same for any *.hbs. Throws TlxcError TEMPLATE when it cannot be read, is no Handlebars, or wants a value that is not there. */
export async function renderPath(host: Host, file: string, values: Readonly<Record<string, unknown>>): Promise<string> {
  const { default: handlebars } = await import('handlebars')
  const source = readSource(host, file)
  try {
    return handlebars.compile(source, { noEscape: true, strict: true })(values)
  } catch (error) {
    const reason = error instanceof Error ? error.message.split('\n').pop() : undefined
    throw new TlxcError('TEMPLATE', `cannot render "${file}": ${reason ?? 'it failed'}`, { cause: error })
  }
}

function readSource(host: Host, file: string): string {
  try {
    return host.fs.readFileSync(file, 'utf8')
  } catch (error) {
    throw new TlxcError('TEMPLATE', `cannot read "${file}": ${errnoOf(error) ?? 'it failed'}`, { cause: error, hint: 'install tlxc again' })
  }
}
