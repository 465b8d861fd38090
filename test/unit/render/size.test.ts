import { describe, expect, it } from 'vitest'
import { renderJson } from '../../../src/render/json.ts'
import { renderMegabytes, renderSeconds, renderSize } from '../../../src/render/size.ts'

describe('sizes', () => {
  it.each([
    [0, '0 bytes'],
    [1023, '1023 bytes'],
    [1024, '1.00 KiB'],
    [720 * 1024, '720.00 KiB'],
    [1024 * 1024 - 1, '1024.00 KiB'],
    [1195376, '1.14 MiB'],
    [3 * 1024 ** 3, '3.00 GiB'],
    [5 * 1024 ** 4, '5.00 TiB'],
    [5000 * 1024 ** 4, '5000.00 TiB'],
  ])('%d is %s', (bytes, text) => {
    expect(renderSize(bytes)).toBe(text)
  })

  it('writes the RAM column and processor time as LXC', () => {
    expect(renderMegabytes(1195376)).toBe('1.14MB')
    expect(renderSeconds(12_345_678)).toBe('0.01 seconds')
  })
})

it('JSON documents name their schema first', () => {
  expect(renderJson('info', { name: 'c1', pid: 3 })).toBe('{"schema":"tlxc/info/1","name":"c1","pid":3}\n')
})
