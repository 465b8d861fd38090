import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { startProgress } from '../../../src/render/progress.ts'
import { rememberingOutput } from '../../helpers/run-program.ts'

describe('startProgress', () => {
  beforeEach(() => {
    vi.useFakeTimers()
  })
  afterEach(() => {
    vi.useRealTimers()
  })

  it('shows nothing in a pipe, ever', () => {
    const to = rememberingOutput()
    const progress = startProgress(to, 'creating c1')
    vi.advanceTimersByTime(5000)
    progress.update('unpacking')
    progress.end()
    expect(to.text()).toBe('')
  })

  it('shows nothing of what is over within a second', () => {
    const to = rememberingOutput(80)
    const progress = startProgress(to, 'creating c1')
    vi.advanceTimersByTime(900)
    progress.end()
    vi.advanceTimersByTime(5000)
    expect(to.text()).toBe('')
  })

  it('shows the last thing said, cut to the width, without control characters, and erases it', () => {
    const to = rememberingOutput(24)
    const progress = startProgress(to, 'creating c1')
    progress.update('early')
    vi.advanceTimersByTime(1000)
    progress.update('one\ntwo \x1b[31mred\n')
    progress.end()
    progress.end()
    expect(to.text()).toBe('\r\x1b[Kcreating c1: early\r\x1b[Kcreating c1: two  [31mr\r\x1b[K')
  })
})
