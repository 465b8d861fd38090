/** What single values cannot tell: keys that exclude each other, unknown names of subkeys, things worth a warning. */
import { deviceRule } from './codecs/kernel.ts'
import { ValueError } from './codecs/codec.ts'
import { closest } from './closest.ts'
import { NAMESPACE_VALUES } from '../protocol/generated.ts'
import { netIndexOf } from './schema.ts'
import type { Setting, Settings } from './settings.ts'
import type { Diagnostic } from './types.ts'

export function checkTogether(settings: Settings): Diagnostic[] {
  const single = settings.all.flatMap((setting) => [...checkSubkey(setting), ...checkCapabilities(setting), ...checkPrefix(setting)])
  return [...exclusions(settings), ...untyped(settings), ...single]
}

const EXCLUSIVE: readonly (readonly [string, readonly string[]])[] = [
  ['lxc.cap.keep', ['lxc.cap.drop']],
  ['lxc.namespace.keep', ['lxc.namespace.clone']],
  [
    'lxc.cgroup.dir',
    ['lxc.cgroup.dir.container', 'lxc.cgroup.dir.monitor', 'lxc.cgroup.dir.monitor.pivot', 'lxc.cgroup.dir.container.inner'],
  ],
]

function exclusions(settings: Settings): Diagnostic[] {
  const find = (key: string): Setting | undefined => settings.all.findLast((setting) => setting.key === key)
  return EXCLUSIVE.flatMap(([one, others]) => {
    const first = find(one)
    return others.flatMap((other) => {
      const second = find(other)
      if (!first || !second) return []
      const place = `${first.where.file}:${first.where.line}`
      return [error(second, `cannot be used together with ${one} (${place})`, 'clear one of them with an empty value')]
    })
  })
}

/** LXC takes an interface without a type for "empty", which is hardly ever meant. */
function untyped(settings: Settings): Diagnostic[] {
  const typed = new Set(settings.all.filter(({ row }) => row.key === 'lxc.net.N.type').map(({ key }) => netIndexOf(key)))
  const seen = new Set<number>()
  return settings.all.flatMap((setting) => {
    const index = netIndexOf(setting.key)
    if (index === null || typed.has(index) || seen.has(index)) return []
    seen.add(index)
    return [warning(setting, `lxc.net.${index} has no type and is taken for "empty"`, `write lxc.net.${index}.type = veth`)]
  })
}

const RESOURCES = 'as core cpu data fsize locks memlock msgqueue nice nofile nproc rss rtprio rttime sigpending stack'.split(' ')

function checkSubkey(setting: Setting): Diagnostic[] {
  const subkey = setting.key.slice(setting.row.key.length + 1)
  switch (setting.row.key) {
    case 'lxc.prlimit':
      return known(setting, subkey, RESOURCES, 'resource limit')
    case 'lxc.namespace.share':
      return known(setting, subkey, NAMESPACE_VALUES, 'namespace')
    case 'lxc.cgroup':
    case 'lxc.cgroup2':
      if (subkey.includes('/')) return [error(setting, `"${subkey}" is not the name of a file`)]
      return subkey === 'devices.allow' || subkey === 'devices.deny' ? checkDevice(setting) : []
    case 'lxc.proc':
      return subkey.split('/').includes('..') ? [error(setting, `"${subkey}" leads out of /proc/PID`)] : []
    case 'lxc.sysctl':
      return isSysctlName(subkey) ? [] : [error(setting, `"${subkey}" is no name of a kernel setting`)]
    default:
      return []
  }
}

function known(setting: Setting, subkey: string, names: readonly string[], what: string): Diagnostic[] {
  if (names.includes(subkey)) return []
  const suggestion = closest(subkey, names)
  const hint = suggestion ? `did you mean ${setting.row.key}.${suggestion}?` : `one of ${names.join(', ')}`
  return [error(setting, `there is no ${what} "${subkey}"`, hint)]
}

const isSysctlName = (subkey: string): boolean => /^[\w.*/:-]+$/.test(subkey) && !subkey.split(/[./]/).includes('')

function checkDevice(setting: Setting): Diagnostic[] {
  try {
    deviceRule.parse(setting.raw)
    return []
  } catch (problem) {
    if (!(problem instanceof ValueError)) throw problem
    return [error(setting, problem.message)]
  }
}

function checkCapabilities(setting: Setting): Diagnostic[] {
  const misplaced = setting.row.key === 'lxc.cap.drop' && setting.values.includes('none')
  return misplaced ? [error(setting, '"none" only has a meaning in lxc.cap.keep', 'to drop nothing, write "lxc.cap.drop ="')] : []
}

function checkPrefix(setting: Setting): Diagnostic[] {
  if (!/^lxc\.net\.[0-9]+\.ipv4\.address$/.test(setting.key) || setting.raw.includes('/')) return []
  return [warning(setting, `"${setting.raw}" has no prefix length; LXC guesses one, mostly /8`, 'write it out, e.g. /24')]
}

function warning(setting: Setting, reason: string, hint: string): Diagnostic {
  return { ...error(setting, reason, hint), severity: 'warning' }
}

function error(setting: Setting, reason: string, hint?: string): Diagnostic {
  return { severity: 'error', where: setting.where, key: setting.key, reason, ...(hint === undefined ? {} : { hint }) }
}
