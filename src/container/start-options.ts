/** What tlxc-start and tlxc-execute are asked for, beside the configuration. */
import type { LaunchOptions } from '../launch/input.ts'

/** share: the target may be the name of a running container, too. */
export interface StartOptions extends Omit<LaunchOptions, 'stdio'> {
  /** Instead of the container's own configuration. */
  rcfile?: string
  /** KEY=VAL, over the configuration. */
  defines: readonly string[]
}
