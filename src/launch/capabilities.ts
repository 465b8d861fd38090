/** lxc.cap.drop and lxc.cap.keep → the bounding set (capabilities(7)). */
import { CAPABILITIES } from '../config/codecs/kernel.ts'
import type { ContainerConfig } from '../config/types.ts'
import { TlxcError } from '../errors.ts'
import type { Warnings } from './input.ts'

/** undefined: every capability stays. */
export function planBounding(config: ContainerConfig, lastCapability: number, warnings: Warnings): string[] | undefined {
  const known = CAPABILITIES.slice(0, lastCapability + 1)
  if (config.capKeep !== null && config.capDrop.length > 0) {
    throw new TlxcError('CONFIG', 'cannot plan the capabilities: lxc.cap.keep and lxc.cap.drop exclude each other', {
      hint: 'clear one: "lxc.cap.drop ="',
    })
  }
  if (config.capKeep !== null) {
    const keep = resolve(config.capKeep, known, warnings)
    return known.filter((name) => keep.has(name))
  }
  if (config.capDrop.length === 0) return undefined
  const drop = resolve(config.capDrop, known, warnings)
  return known.filter((name) => !drop.has(name))
}

/** False when the container surely lacks it. */
export function keepsCapability(bounding: readonly string[] | undefined, name: string): boolean {
  return bounding === undefined || bounding.includes(name)
}

function resolve(names: readonly string[], known: readonly string[], warnings: Warnings): Set<string> {
  const found = new Set<string>()
  for (const name of names) {
    const capability = /^\d+$/.test(name) ? known[Number(name)] : name.toLowerCase()
    if (capability !== undefined && known.includes(capability)) found.add(capability)
    else if (name !== 'none') warnings.add(`the capability "${name}" is not known to this kernel, ignoring`)
  }
  return found
}
