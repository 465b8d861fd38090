/** What init may do: capabilities, seccomp, AppArmor and SELinux labels, keyring. */
import { TlxcError } from '../errors.ts'
import type { Seccomp, Security } from '../protocol/generated.ts'
import type { LaunchInput, Warnings } from './input.ts'
import { parseSeccompProfile } from './seccomp-profile.ts'

export function planSecurity(input: LaunchInput, bounding: string[] | undefined, apparmorProfile: string | undefined, warnings: Warnings): Security {
  const { config, facts } = input
  return {
    bounding,
    no_new_privs: config.noNewPrivs ?? false,
    seccomp: planSeccomp(input, warnings),
    apparmor_profile: apparmorProfile,
    selinux_context: facts.selinux ? config.selinuxContext : undefined,
    selinux_keyring_context: facts.selinux ? config.selinuxContextKeyring : undefined,
    new_keyring: config.keyringSession ?? true,
    sched_core: config.schedCore ?? false,
  }
}

/** Compatible architectures by uname -m; rules for other ones can never match. */
const COMPATIBLE: Readonly<Record<string, readonly string[]>> = {
  x86_64: ['x86_64', 'x86', 'x32'],
  aarch64: ['aarch64', 'arm'],
  ppc64: ['ppc64', 'ppc'],
  s390x: ['s390x', 's390'],
  mips64: ['mips64', 'mips64n32', 'mips', 'mipsel64', 'mipsel64n32', 'mipsel'],
}

/** As LXC: where a filter is in force already, as inside of a container, no second one is put on it unless lxc.seccomp.allow_nesting says so. */
function planSeccomp({ config, facts, seccomp }: LaunchInput, warnings: Warnings): Seccomp | undefined {
  if (config.seccompProfile === undefined || config.seccompProfile === '' || seccomp === undefined) return undefined
  if (!facts.seccomp) {
    throw new TlxcError('KERNEL', 'cannot use lxc.seccomp.profile: this kernel has no seccomp', {
      hint: 'clear it: "lxc.seccomp.profile ="',
    })
  }
  const profile = parseSeccompProfile(seccomp.text, seccomp.file)
  if (facts.seccompConfined === true && config.seccompAllowNesting !== true) {
    warnings.add('lxc.seccomp.profile is not loaded: a seccomp filter is in force already (lxc.seccomp.allow_nesting = 1 puts this one on top)')
    return undefined
  }
  const arches = COMPATIBLE[facts.machine] ?? [facts.machine]
  return {
    ...profile,
    rules: profile.rules.filter((rule) => typeof rule.arch !== 'string' || arches.includes(rule.arch)),
    allow_nesting: config.seccompAllowNesting ?? false,
  }
}
