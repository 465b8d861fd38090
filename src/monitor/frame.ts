/**
 * monitor/: talks to running monitors and starts them. No decisions about containers, no config.
 * This file: frames of the command socket (src/protocol/README.md, "Commands to a running monitor") ⇄ bytes. PURE.
 */
import { LIMITS } from '../protocol/generated.ts'

/** J: JSON (Request, Reply, Event), D: console bytes, Z: resize, Q: detach. */
export type FrameKind = 'J' | 'D' | 'Z' | 'Q'

export interface Frame {
  kind: FrameKind
  payload: Uint8Array
}

const KINDS: readonly FrameKind[] = ['J', 'D', 'Z', 'Q']
/** u32 length of the payload, u8 kind. */
const HEADER = 5

/** Throws RangeError beyond LIMITS.maxMessage bytes. */
export function encodeFrame(kind: FrameKind, payload: Uint8Array = new Uint8Array(0)): Uint8Array {
  if (payload.length > LIMITS.maxMessage) throw new RangeError(`frame of ${payload.length} bytes is longer than ${LIMITS.maxMessage}`)
  const bytes = new Uint8Array(HEADER + payload.length)
  new DataView(bytes.buffer).setUint32(0, payload.length, true)
  bytes[4] = kind.charCodeAt(0)
  bytes.set(payload, HEADER)
  return bytes
}

export function encodeJson(message: object): Uint8Array {
  return encodeFrame('J', new TextEncoder().encode(JSON.stringify(message)))
}

/** Window size in character cells. */
export function encodeResize(rows: number, cols: number): Uint8Array {
  const payload = new Uint8Array(4)
  const view = new DataView(payload.buffer)
  view.setUint16(0, rows, true)
  view.setUint16(2, cols, true)
  return encodeFrame('Z', payload)
}

/** The JSON value of a J frame. Throws Error when it is no JSON or no UTF-8. */
export function decodeJson(frame: Frame): unknown {
  if (frame.kind !== 'J') throw new Error(`frame of kind ${frame.kind} where JSON was expected`)
  return JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(frame.payload))
}

/** Cuts a byte stream into frames. After an error the stream is lost: close it. */
export class FrameDecoder {
  #pending: Uint8Array = new Uint8Array(0)

  /** Frames completed by `chunk`, in order. Throws Error on an unknown kind or a frame longer than LIMITS.maxMessage. */
  push(chunk: Uint8Array): Frame[] {
    this.#pending = this.#pending.length === 0 ? chunk : concat(this.#pending, chunk)
    const frames: Frame[] = []
    for (;;) {
      const frame = this.#take()
      if (!frame) return frames
      frames.push(frame)
    }
  }

  /** True when the stream ended inside a frame. */
  get isTorn(): boolean {
    return this.#pending.length > 0
  }

  #take(): Frame | null {
    const bytes = this.#pending
    if (bytes.length < HEADER) return null
    const length = new DataView(bytes.buffer, bytes.byteOffset).getUint32(0, true)
    if (length > LIMITS.maxMessage) throw new Error(`frame of ${length} bytes is longer than ${LIMITS.maxMessage}`)
    const kind = KINDS.find((known) => known.charCodeAt(0) === bytes[4])
    if (!kind) throw new Error(`unknown frame kind ${String(bytes[4])}`)
    if (bytes.length < HEADER + length) return null
    this.#pending = bytes.subarray(HEADER + length)
    return { kind, payload: bytes.slice(HEADER, HEADER + length) }
  }
}

function concat(a: Uint8Array, b: Uint8Array): Uint8Array {
  const joined = new Uint8Array(a.length + b.length)
  joined.set(a)
  joined.set(b, a.length)
  return joined
}
