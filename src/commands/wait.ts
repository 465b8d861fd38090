/** tlxc-wait: wait for a container to reach a state. */
import { defineCommand } from '../cli/command.ts'
import { containerAt } from '../container/store.ts'
import { parseStates, waitForState } from '../container/wait.ts'
import { TlxcError } from '../errors.ts'
import { EXIT } from '../exit-codes.ts'
import { STATE_VALUES } from '../protocol/generated.ts'
import { renderJson } from '../render/json.ts'
import { loadRcfile, RCFILE } from './rcfile.ts'
import { parseTimeout } from './seconds.ts'

export default defineCommand({
  name: 'wait',
  summary: 'wait for a container to reach a state',
  description:
    'Waits until the container is in one of the states, or passes through one of them. The container need not be running, nor exist yet. ' +
    'Exits with 1 when the time is over first.',
  options: {
    state: { short: 's', value: 'required', argument: 'STATE', describe: `ORed states to wait for: ${STATE_VALUES.join('|')}`, complete: STATE_VALUES },
    timeout: { short: 't', value: 'required', argument: 'SECONDS', describe: 'Wait at most SECONDS (default -1: for ever)' },
    rcfile: RCFILE,
  },
  examples: [
    { command: 'tlxc-wait -n c1 -s RUNNING', describe: 'Until c1 runs' },
    { command: "tlxc-wait -n c1 -s 'STOPPED|FROZEN' -t 30", describe: 'Until c1 is stopped or frozen, at most 30 seconds' },
  ],
  json: true,
  async run(args, ctx) {
    const { state, timeout } = args.options
    if (typeof state !== 'string') throw new TlxcError('USAGE', 'no state to wait for', { hint: `-s ${STATE_VALUES.join('|')}` })
    const container = containerAt(ctx.host, ctx.lxcpath, ctx.name)
    await loadRcfile(args, ctx, container)
    const options = { states: parseStates(state), timeoutMs: parseTimeout(timeout, null), signal: ctx.signal, notice: ctx.log.warn }
    const reached = await waitForState(ctx.host, container, options)
    if (ctx.json) ctx.stdout.write(renderJson('wait', { name: container.name, reached: reached !== null, state: reached }))
    return reached === null ? EXIT.failure : EXIT.ok
  },
})
