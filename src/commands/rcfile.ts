/** --rcfile, for programs that do something to a container which runs with its own configuration already. */
import { resolve } from 'node:path'
import type { Context, Option, ParsedArgs } from '../cli/command.ts'
import type { ContainerConfig } from '../config/types.ts'
import type { Container } from '../container/store.ts'

/** As with LXC, the file must be there and whole, even where none of its keys matters. */
export const RCFILE: Option = { value: 'required', argument: 'FILE', describe: 'Read FILE instead of the configuration of the container', complete: 'file' }

/** The path that was given, absolute. */
export function rcfilePath(args: ParsedArgs, ctx: Context): { rcfile?: string } {
  const { rcfile } = args.options
  return typeof rcfile === 'string' ? { rcfile: resolve(ctx.cwd, rcfile) } : {}
}

/** undefined without the option. Throws TlxcError CONFIG (missing, or some line is an error), PERMISSION. The parser is loaded on use. */
export async function loadRcfile(args: ParsedArgs, ctx: Context, container: Container): Promise<ContainerConfig | undefined> {
  const { rcfile } = rcfilePath(args, ctx)
  if (rcfile === undefined) return undefined
  const { loadContainerConfig } = await import('../container/load-config.ts')
  return loadContainerConfig(ctx.host, container, rcfile).value
}
