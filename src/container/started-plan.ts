/** What a running container was started with. Its configuration may have changed since, and parsing that would take longer. */
import { errnoOf } from '../errors.ts'
import type { Host } from '../host/host.ts'
import type { Plan } from '../protocol/generated.ts'
import type { Container } from './store.ts'

/** The planner's own (src/launch/environment.ts): no wish of the configuration, so it does not go over the caller's. */
const GIVEN_TO_EVERY_INIT: ReadonlySet<string> = new Set(['container=lxc', 'PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin'])

/** lxc.environment as it was at the start, NAME=VALUE; [] when the container does not run. */
export function startedEnvironment(host: Host, container: Container): readonly string[] {
  try {
    const plan = JSON.parse(host.fs.readFileSync(`${container.runDir}/plan.json`, 'utf8')) as Pick<Plan, 'init'>
    return plan.init.env.filter((entry) => !GIVEN_TO_EVERY_INIT.has(entry))
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return []
    throw error
  }
}
