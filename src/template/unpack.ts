/** How archives that nobody vouches for are unpacked: GNU tar, whose own care (no "..", links made last) stays on. */
import { TlxcError } from '../errors.ts'
import type { ExecResult } from '../host/host.ts'

/**
 * File capabilities, ACLs and user attributes are kept. trusted.* is not: marks of overlayfs in an image would change what a stack of layers
 * shows. templates/lib/image.sh has the same list.
 */
export const UNPACK_OPTIONS: readonly string[] = [
  '--preserve-permissions', '--same-owner', '--numeric-owner', '--acls', '--xattrs',
  '--xattrs-include=security.capability', '--xattrs-include=user.*', '--xattrs-exclude=user.overlay.*',
]

/** TlxcError SPACE for a full disk, else TEMPLATE with the first complaint of tar, or of what was to run it. */
export function tarFailure(archive: string, { stderr, exitCode, signal }: ExecResult): TlxcError {
  const complaint = stderr.split('\n').find((line) => /^(tar|confine|env): /.test(line) && !/Removing leading|Exiting with failure|Ignoring unknown/.test(line))
  const reason = complaint?.replace('tar: ', '') ?? `tar ended with ${exitCode ?? signal ?? 'an error'}`
  const full = /No space left on device|Disk quota exceeded/.test(stderr)
  return new TlxcError(full ? 'SPACE' : 'TEMPLATE', `cannot unpack "${archive}": ${shortened(reason.replace(/\p{Cc}/gu, ' '))}`, {
    hint: full ? 'make room on that filesystem' : 'the image is damaged, or was made to do harm',
  })
}

/** Names in it may be as long as a path can be. */
function shortened(text: string): string {
  return text.length <= 400 ? text : `${text.slice(0, 200)} ... ${text.slice(-200)}`
}
