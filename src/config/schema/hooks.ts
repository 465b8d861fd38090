/** Keys about programs that run at points of a container's life. */
import { text } from '../codecs/text.ts'
import { hookVersionNumber } from './identity.ts'
import { clearing, list, located, scalar, type LocatedListRow } from './row.ts'

const WHEN = {
  'pre-start': 'on the host, before anything is made',
  'pre-mount': 'in the mount namespace, before the root filesystem is mounted',
  mount: 'in the mount namespace, after all mounts, before the root is changed',
  autodev: 'as mount, when lxc.autodev is 1: to add devices',
  'start-host': 'on the host, right before init is run',
  start: 'inside, right before init is run',
  stop: 'on the host, when init has ended, with the namespaces at hand',
  'post-stop': 'on the host, when all is gone',
  clone: 'when the container was copied, for the copy',
  destroy: 'before the container is destroyed',
} as const

export const HOOK_TYPES = Object.keys(WHEN)

const hook = (type: string, when: string): LocatedListRow<string> =>
  located(list(`lxc.hook.${type}`, text, `/usr/local/share/tlxc/hooks/${type}`, `Shell command run ${when}.`))

/** lxc.hook.TYPE by TYPE. */
export const HOOKS: Readonly<Record<string, LocatedListRow<string>>> = Object.fromEntries(
  Object.entries(WHEN).map(([type, when]) => [type, hook(type, when)]),
)

export const HOOK_OPTIONS = {
  hookVersion: scalar(
    'lxc.hook.version', hookVersionNumber, '1', '0: facts come as arguments (default); 1: as environment variables.', { unset: '0' },
  ),
}

export const HOOK_CLEAR = clearing('lxc.hook', 'An empty value clears all hooks.')
