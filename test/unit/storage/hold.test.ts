import { existsSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { holdEntries, readHolds } from '../../../src/storage/hold.ts'
import { makeTempHost, type TempHost } from '../../helpers/temp-host.ts'

let host: TempHost
let pool = ''
beforeEach(() => {
  host = makeTempHost()
  pool = `${host.root}/pool`
  mkdirSync(pool)
})
afterEach(() => host.dispose())

it('holds entries as long as it is not released, and leaves nothing', () => {
  const first = holdEntries(host, pool, ['laaaaa', 'lbbbbb'])
  const second = holdEntries(host, pool, ['lccccc'])
  expect(readHolds(host, pool).flatMap(({ names }) => names).sort()).toEqual(['laaaaa', 'lbbbbb', 'lccccc'])
  first()
  expect(readHolds(host, pool).map(({ names }) => names)).toEqual([['lccccc']])
  second()
  expect(existsSync(`${pool}/hold`)).toBe(false)
})

it('forgets what the dead held, or had half written', () => {
  mkdirSync(`${pool}/hold`)
  writeFileSync(`${pool}/hold/${process.pid}-1-00000000`, 'laaaaa\n')
  writeFileSync(`${pool}/hold/.${process.pid}-1-00000000.0123456789ab`, 'laaaaa\n')
  const release = holdEntries(host, pool, ['lbbbbb'])
  expect(readHolds(host, pool).map(({ names }) => names)).toEqual([['lbbbbb']])
  expect(readdirSync(`${pool}/hold`)).toHaveLength(1)
  release()
})
