/** What a program says, up to a limit. */

/** Collected output beyond this many bytes is cut: no program that we read says more. */
export const MAX_OUTPUT = 64 << 20

export interface Output {
  add(piece: Uint8Array): void
  text(): string
}

export function collector(): Output {
  const pieces: Uint8Array[] = []
  let length = 0
  return {
    add(piece) {
      if (length < MAX_OUTPUT) pieces.push(piece)
      length += piece.length
    },
    text: () => Buffer.concat(pieces).toString('utf8'),
  }
}
