/** A layer's directory as a stream of its tar archive, and back. By GNU tar: node-tar drops device nodes and extended attributes. */
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { TlxcError } from '../errors.ts'
import type { Host, RunningProgram } from '../host/host.ts'
import { interruptedBy } from '../host/interrupted.ts'
import { EXPORT_TAR_ARGS, IMPORT_TAR_ARGS } from '../storage/archive.ts'
import { oneFileSystem } from '../storage/dir.ts'
import { TarCheck, type CheckLimits, type CheckSums } from '../storage/tar-check.ts'

/** Throws TlxcError BUSY, and STORAGE when something could not be read. Sockets are left out: without the program that listens they are nothing. */
export async function* readLayerStream(host: Host, directory: string, signal: AbortSignal): AsyncGenerator<Uint8Array, void> {
  const tar = await host.start('tar', [...EXPORT_TAR_ARGS, ...oneFileSystem(host, directory), '-C', directory, '.'], { stdin: 'ignore', stdout: 'pipe' })
  let whole = false
  try {
    for await (const piece of tar.stdout ?? []) {
      signal.throwIfAborted()
      yield piece as Uint8Array
    }
    whole = true
  } finally {
    if (!whole) tar.kill()
  }
  const { exitCode, signal: killed, stderr } = await tar.done
  if (exitCode !== 0 || stderr !== '') throw interruptedBy(killed) ?? new TlxcError('STORAGE', `cannot read "${directory}": ${firstProblem(stderr, exitCode)}`, { hint: 'nobody may change the files meanwhile; see the cause' })
}

/**
 * Unpacks a layer into an empty directory: judged first, then by a tar that can write nowhere else (native/src/confine.c). Resolves with what there
 * was. Throws ArchiveError, TlxcError SPACE, STORAGE; what was unpacked until then is still there.
 */
export async function unpackLayer(host: Host, directory: string, pieces: AsyncIterable<Buffer>, limits: CheckLimits, signal: AbortSignal): Promise<CheckSums> {
  const tar = await host.start(`${host.paths.libexec}/confine`, [directory, 'tar', ...IMPORT_TAR_ARGS], { stdin: 'pipe', stdout: 'ignore' })
  const check = new TarCheck(limits)
  let refused: unknown = null
  async function* judged(): AsyncGenerator<Buffer, void> {
    try {
      for await (const piece of pieces) {
        check.push(piece)
        yield piece
      }
      check.end()
    } catch (error) {
      refused = error
      throw error
    }
  }
  await feed(tar, judged(), signal).catch((error: unknown) => {
    // What the archive is refused for goes before the broken pipe that follows.
    throw refused ?? error
  })
  return { ...check.sums }
}

async function feed(tar: RunningProgram, pieces: AsyncIterable<Buffer>, signal: AbortSignal): Promise<void> {
  let problem: unknown = null
  try {
    if (tar.stdin === null) throw new Error('tar was started without a pipe')
    await pipeline(Readable.from(pieces, { objectMode: false }), tar.stdin, { signal })
  } catch (error) {
    problem = error
    if (!isBrokenPipe(error)) tar.kill()
  }
  const { exitCode, signal: killed, stderr } = await tar.done
  if (signal.aborted) throw signal.reason
  if (problem !== null && !isBrokenPipe(problem)) throw problem
  // An attribute that it could not set is a mere warning to GNU tar; without its mark a directory would show deleted files again.
  if (exitCode === 0 && stderr === '' && problem === null) return
  const full = /No space left on device|Disk quota exceeded/.test(stderr)
  if (full) throw new TlxcError('SPACE', 'cannot unpack the archive: no space left', { hint: 'make room on the filesystem of the containers' })
  throw interruptedBy(killed) ?? new TlxcError('STORAGE', `cannot unpack the archive: ${firstProblem(stderr, exitCode)}`, { hint: 'the filesystem must support what the files have: extended attributes, devices, owners' })
}

function isBrokenPipe(error: unknown): boolean {
  return error instanceof Error && 'code' in error && (error.code === 'EPIPE' || error.code === 'ERR_STREAM_PREMATURE_CLOSE' || error.code === 'ECONNRESET')
}

/** Names in it come from the container: no control characters. */
function firstProblem(stderr: string, exitCode: number | null): string {
  const line = stderr.split('\n').find((text) => text !== '')
  return line?.replace(/\p{Cc}/gu, '?').slice(0, 300) ?? `tar ended with ${exitCode ?? 'a signal'}`
}
