import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { decodeJson, encodeFrame, encodeJson, encodeResize, FrameDecoder, type FrameKind } from '../../../src/monitor/frame.ts'
import { LIMITS } from '../../../src/protocol/generated.ts'

const kind = fc.constantFrom<FrameKind>('J', 'D', 'Z', 'Q')

describe('frames', () => {
  it('have the bytes that src/protocol/README.md says', () => {
    expect([...encodeFrame('D', new Uint8Array([7, 8]))]).toEqual([2, 0, 0, 0, 0x44, 7, 8])
    expect([...encodeFrame('Q')]).toEqual([0, 0, 0, 0, 0x51])
    expect([...encodeResize(24, 300)]).toEqual([4, 0, 0, 0, 0x5a, 24, 0, 44, 1])
    expect(Buffer.from(encodeJson({ a: 'ü' })).toString('latin1').slice(5)).toBe('{"a":"Ã¼"}')
  })

  it('come back whole however the stream is cut', () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(kind, fc.uint8Array({ maxLength: 40 }))), fc.array(fc.integer({ min: 1, max: 9 }), { minLength: 1 }), (list, cuts) => {
        const stream = Buffer.concat(list.map(([k, payload]) => encodeFrame(k, payload)))
        const decoder = new FrameDecoder()
        const got = []
        for (let at = 0, i = 0; at < stream.length; i++) {
          const step = cuts[i % cuts.length] ?? 1
          got.push(...decoder.push(stream.subarray(at, at + step)))
          at += step
        }
        expect(got.map((frame) => [frame.kind, [...frame.payload]])).toEqual(list.map(([k, payload]) => [k, [...payload]]))
        expect(decoder.isTorn).toBe(false)
      }),
    )
  })

  it('never make the decoder do anything but give frames or throw', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 64 }), (bytes) => {
        try {
          for (const frame of new FrameDecoder().push(bytes)) expect(frame.payload.length).toBeLessThanOrEqual(bytes.length)
        } catch (error) {
          expect(error).toBeInstanceOf(Error)
        }
      }),
    )
  })

  it('refuse what is too long or unknown', () => {
    expect(() => encodeFrame('D', new Uint8Array(LIMITS.maxMessage + 1))).toThrow(RangeError)
    expect(() => new FrameDecoder().push(new Uint8Array([1, 0, 16, 0, 0x4a]))).toThrow(/longer/)
    expect(() => new FrameDecoder().push(new Uint8Array([0, 0, 0, 0, 0x21]))).toThrow(/unknown frame kind 33/)
    expect(() => decodeJson({ kind: 'D', payload: new Uint8Array() })).toThrow()
    expect(() => decodeJson({ kind: 'J', payload: new Uint8Array([0x22, 0xff, 0x22]) })).toThrow()
  })
})
