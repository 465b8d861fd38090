import { expect, test } from 'vitest'
import { UndoStack } from '../../../src/container/undo.ts'

test('takes back in reverse order, each step even after a failure, and once', async () => {
  const undo = new UndoStack()
  const done: string[] = []
  undo.defer(() => void done.push('first'))
  undo.defer(() => Promise.reject(new Error('second failed')))
  undo.defer(async () => {
    await Promise.resolve()
    done.push('third')
  })
  expect((await undo.unwind()).map((error) => error.message)).toEqual(['second failed'])
  expect(done).toEqual(['third', 'first'])
  expect(await undo.unwind()).toEqual([])
  expect(done).toHaveLength(2)
})

test('takes nothing back after release', async () => {
  const undo = new UndoStack()
  let undone = false
  undo.defer(() => void (undone = true))
  undo.release()
  await undo.unwind()
  expect(undone).toBe(false)
})

test('what was thrown and is no Error becomes one', async () => {
  const undo = new UndoStack()
  undo.defer(() => Promise.reject('text'))
  expect((await undo.unwind())[0]?.message).toBe('text')
})
