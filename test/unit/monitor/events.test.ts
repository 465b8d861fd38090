import { closeSync, constants, openSync, readdirSync, rmSync, writeSync } from 'node:fs'
import { execFileSync } from 'node:child_process'
import { afterAll, expect, test } from 'vitest'
import { eventsDir } from '../../../src/host/paths.ts'
import { listenEvents } from '../../../src/monitor/events.ts'
import { makeTempHost } from '../../helpers/temp-host.ts'

const host = makeTempHost()
afterAll(() => host.dispose())

/** As native/src/monitor-state.c: who does not read is dead, and taken away. */
function tellAsMonitor(directory: string, line: string): void {
  for (const name of readdirSync(directory).filter((entry) => !entry.startsWith('.'))) {
    try {
      const fd = openSync(`${directory}/${name}`, constants.O_WRONLY | constants.O_NONBLOCK)
      writeSync(fd, line)
      closeSync(fd)
    } catch {
      rmSync(`${directory}/${name}`)
    }
  }
}

test('a monitor that speaks between the making and the opening of the FIFO does not take the listener for dead', async () => {
  const directory = eventsDir(host.paths, '/l')
  host.onExec = (file, args) => {
    execFileSync(file, [...args])
    tellAsMonitor(directory, '\n')
    return {}
  }
  const listener = await listenEvents(host, ['/l', '/m'], () => undefined)
  expect(readdirSync(directory)).toHaveLength(1)
  tellAsMonitor(directory, `${JSON.stringify({ name: 'c', lxcpath: '/l', state: 'RUNNING', time: 1 })}\n`)
  expect(await listener.next()).toMatchObject({ name: 'c', state: 'RUNNING' })
  listener.close()
  expect(readdirSync(directory)).toEqual([])
})
