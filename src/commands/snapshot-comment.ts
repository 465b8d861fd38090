/** The comment of a snapshot: -m TEXT, or -c FILE. */
import { resolve } from 'node:path'
import type { Context, ParsedArgs } from '../cli/command.ts'
import { errnoOf, TlxcError } from '../errors.ts'

/** Lists and --json show it whole, and a wrong FILE (an image, /dev/zero) is a slip of the hand. */
const MAX_BYTES = 1 << 20

/** null: none is given. Throws TlxcError IO, USAGE, INTERRUPTED. */
export async function readComment({ options }: ParsedArgs, ctx: Context): Promise<string | null> {
  if (typeof options.message === 'string') return `${options.message}\n`
  if (typeof options.comment !== 'string') return null
  const file = resolve(ctx.cwd, options.comment)
  if (options.comment === '') throw new TlxcError('USAGE', 'cannot read the comment: its file has no name', { hint: 'name a readable file with -c' })
  try {
    // A pipe that nobody writes to must not keep us from a Ctrl-C.
    return await Promise.race([readSome(ctx, file), aborted(ctx.signal)])
  } catch (error) {
    if (error instanceof TlxcError) throw error
    throw new TlxcError('IO', `cannot read the comment "${file}": ${REASONS[errnoOf(error) ?? ''] ?? errnoOf(error) ?? 'it failed'}`, { cause: error, hint: 'name a readable file with -c' })
  }
}

const REASONS: Readonly<Record<string, string>> = { ENOENT: 'there is no such file', EISDIR: 'it is a directory', ENOTDIR: 'there is no such file' }

async function readSome({ host }: Context, file: string): Promise<string> {
  const pieces: Uint8Array[] = []
  let length = 0
  for await (const piece of host.fs.createReadStream(file, { end: MAX_BYTES }) as AsyncIterable<Uint8Array>) {
    pieces.push(piece)
    length += piece.length
  }
  if (length <= MAX_BYTES) return Buffer.concat(pieces).toString('utf8')
  throw new TlxcError('USAGE', `cannot take "${file}" as a comment: it is larger than 1 MiB`, { hint: 'name a file with a few words, or give them with -m' })
}

function aborted(signal: AbortSignal): Promise<never> {
  return new Promise((_, reject) => {
    const stop = (): void => reject(signal.reason as Error)
    if (signal.aborted) stop()
    else signal.addEventListener('abort', stop, { once: true })
  })
}
