/**
 * Nothing is lost, and nothing is left, wherever a storage command is killed, fails, finds the disk full or has the power cut: every step of
 * every command, on the installed programs (docs of the tool: native/test/fault/main.c).
 */
import { appendFileSync } from 'node:fs'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { Lane } from '../helpers/fault-lane.ts'
import { cutLive, learnLive, LIVE, prepareLive, startLive, stopLive, walkLive } from '../helpers/fault-live.ts'
import { OPERATIONS, prepare } from '../helpers/fault-operations.ts'
import { learn, MODES, walk, type Operation, type Walk } from '../helpers/fault-walk.ts'
import { Bench } from '../helpers/loop-fs.ts'

const bench = new Bench()
/** Walks side by side, each on a disk of its own. */
const LANES = 2
const free: Lane[] = []
const waiting: ((lane: Lane) => void)[] = []
/** Of one operation, the wait for a lane included; all points of all of them take hours on a busy machine. */
const TIMEOUT_MS = 4 * 3_600_000

beforeAll(async () => {
  for (let i = 0; i < LANES; i++) {
    const lane = new Lane(bench, `l${i}`)
    await prepare(lane)
    free.push(lane)
  }
})
afterAll(() => bench.remove())

async function withLane<T>(fn: (lane: Lane) => Promise<T>): Promise<T> {
  const lane = free.pop() ?? (await new Promise<Lane>((resolve) => waiting.push(resolve)))
  try {
    return await fn(lane)
  } finally {
    const next = waiting.shift()
    if (next) next(lane)
    else free.push(lane)
  }
}

/** FAULT_OPERATION='clone|rename' walks only these, FAULT_MODE=kill only in this way; FAULT_LOG=FILE gets every problem and the time that each walk took. */
const only = process.env['FAULT_OPERATION']
const log = process.env['FAULT_LOG']

function isWantedMode(mode: string): boolean {
  return process.env['FAULT_MODE'] === undefined || process.env['FAULT_MODE'] === mode
}

function isWanted({ name }: Operation): boolean {
  return only === undefined || new RegExp(`^(${only})$`).test(name)
}

function note({ operation, mode, points, problems, ms }: Walk): void {
  if (log !== undefined) appendFileSync(log, `${problems.map((problem) => `${problem}\n`).join('')}${operation}, ${mode}: ${points} points, ${ms} ms\n`)
}

describe.concurrent('before or after, and nothing else:', () => {
  test.for(OPERATIONS.filter(isWanted))('$name', { timeout: TIMEOUT_MS }, async (operation: Operation) => {
    await withLane(async (lane) => {
      const ends = await learn(lane, operation)
      const problems: string[] = []
      for (const mode of MODES.filter(isWantedMode)) {
        const result = await walk(lane, operation, ends, mode)
        problems.push(...result.problems)
        note(result)
      }
      expect(problems).toEqual([])
    })
  })

  test.for([LIVE].filter(isWanted))('$name', { timeout: TIMEOUT_MS }, async () => {
    await withLane(async (lane) => {
      await prepareLive(lane)
      await startLive(lane)
      const problems: string[] = []
      try {
        const ends = await learnLive(lane)
        for (const mode of MODES.filter(isWantedMode)) {
          const result = mode.startsWith('cut') ? await stopLive(lane).then(() => cutLive(lane, ends, mode)) : await walkLive(lane, ends, mode)
          problems.push(...result.problems)
          note(result)
        }
      } finally {
        await stopLive(lane)
      }
      expect(problems).toEqual([])
    })
  })
})
