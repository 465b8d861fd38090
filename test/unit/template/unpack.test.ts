import { describe, expect, test } from 'vitest'
import { tarFailure } from '../../../src/template/unpack.ts'

const failure = (stderr: string, exitCode: number | null = 2): string => tarFailure('a.tar', { stderr, exitCode, signal: exitCode === null ? 'SIGKILL' : null, stdout: '' }).message

describe('why an archive was not unpacked', () => {
  test.each([
    ['tar: Removing leading `/\'\ntar: x: Cannot open: Permission denied\ntar: Exiting with failure\n', 'x: Cannot open: Permission denied'],
    ['confine: cannot run env: No such file\n', 'confine: cannot run env: No such file'],
    ['tar: \x1b[31mx: bad\n', ' [31mx: bad'],
    ['nothing of tar\n', 'tar ended with 2'],
  ])('%j', (stderr, reason) => expect(failure(stderr)).toBe(`cannot unpack "a.tar": ${reason}`))

  test('it was killed', () => expect(failure('', null)).toBe('cannot unpack "a.tar": tar ended with SIGKILL'))

  test('a name of any length, with the reason at its end', () => {
    const said = failure(`tar: ${'n/'.repeat(4000)}: Cannot open: File name too long\n`)
    expect(said.length).toBeLessThan(500)
    expect(said).toMatch(/ \.\.\. .*: Cannot open: File name too long$/)
  })

  test('a full disk', () => expect(tarFailure('a.tar', { stderr: 'tar: x: Cannot write: No space left on device\n', exitCode: 2, signal: null, stdout: '' }).code).toBe('SPACE'))
})
