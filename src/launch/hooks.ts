/** lxc.hook.* and network scripts → finished argument vectors. */
import type { HookCommand } from '../config/types.ts'
import { HOOK_TYPE_VALUES, type Hook } from '../protocol/generated.ts'
import type { LaunchInput } from './input.ts'

/** Hooks of a start, by type and in the order of the configuration; clone and destroy are no part of a plan. */
export function planHooks(input: LaunchInput): Hook[] {
  return HOOK_TYPE_VALUES.flatMap((type) =>
    (input.config.hooks[type] ?? []).map((hook) => ({ type, argv: hookArgv(hook, hookArguments(input, 'lxc', type)) })),
  )
}

/** Arguments that LXC appends: version 0 has CONTAINER SECTION TYPE …, version 1 has none and tells all by the environment. */
export function hookArguments(input: LaunchInput, section: 'lxc' | 'net', ...more: string[]): string[] {
  return input.config.hookVersion === 1 ? [] : [input.name, section, ...more]
}

/** A hook is a shell string; one that needs no shell is run without. */
export function hookArgv(hook: Pick<HookCommand, 'command'>, args: readonly string[]): string[] {
  const command = hook.command.trim()
  if (/^\/[\w@%+:,./-]+([ \t]+[\w@%+=:,./-]+)*$/.test(command)) return [...command.split(/[ \t]+/), ...args]
  return ['/bin/sh', '-c', `exec ${command} "$@"`, 'tlxc-hook', ...args]
}
