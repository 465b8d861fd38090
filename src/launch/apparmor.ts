/**
 * lxc.apparmor.*: which profile, and the text of a generated one (apparmor.d(5)). On a kernel without AppArmor every setting is
 * a no-op, as with LXC. Loading the text is the caller's: it has the parser.
 */
import { sha256Hex } from '../hash.ts'
import type { LaunchInput, Warnings } from './input.ts'

export interface ApparmorProfile {
  /** What init is confined by. */
  name: string
  /** To be loaded before the start; absent: it must be there already. */
  text?: string
}

/** undefined: the label is left alone. Without the key a profile is generated where the kernel has AppArmor and the machine its parser. */
export function planApparmor(input: LaunchInput, warnings: Warnings): ApparmorProfile | undefined {
  const { config, facts } = input
  const profile = config.apparmorProfile ?? 'generated'
  if (!facts.apparmor || profile === 'unchanged') return undefined
  if (config.apparmorProfile === undefined && facts.apparmorParser === false) {
    warnings.add('AppArmor does not confine the container: apparmor_parser is not installed (package apparmor)')
    return undefined
  }
  if (profile !== 'generated') return { name: profile }
  const name = profileName(input.lxcpath, input.name)
  return { name, text: profileText(name, input) }
}

/** One for each container and lxcpath, within what apparmorfs takes as a file name. */
export function profileName(lxcpath: string, name: string): string {
  return `tlxc-${name}_${sha256Hex(lxcpath).slice(0, 12)}`
}

function profileText(name: string, { config }: LaunchInput): string {
  const nesting = config.apparmorAllowNesting ?? false
  const rules = [...BASE, ...(config.idmap.length > 0 ? UNPRIVILEGED : PRIVILEGED), ...(nesting ? NESTING : []), ...config.apparmorRaw]
  return `${ABI}\nprofile "${name}" flags=(attach_disconnected,mediate_deleted) {\n${rules.map((rule) => `  ${rule}\n`).join('')}}\n`
}

/** What these rules are written for: a newer parser would take their silence about user namespaces, io_uring and mqueues for a no. */
const ABI = 'abi <abi/3.0>,'

/** Everything but what reaches the host through files that no namespace covers, also where systemd prepares a unit's own /proc. */
const BASE = [
  'capability,',
  'file,',
  'network,',
  'dbus,',
  'signal,',
  'ptrace,',
  'unix,',
  'umount,',
  'pivot_root,',
  'deny /{,**/}proc/sys/fs/** wklx,',
  'deny /{,**/}proc/sysrq-trigger rwklx,',
  'deny /{,**/}proc/mem rwklx,',
  'deny /{,**/}proc/kmem rwklx,',
  'deny /{,**/}proc/kcore rwklx,',
  'deny /{,**/}proc/sys/kernel/core_pattern wklx,',
  'deny /{,**/}proc/sys/kernel/modprobe wklx,',
  'deny /{,**/}proc/sys/kernel/kexec_load_disabled wklx,',
  'deny /{,**/}proc/sys/vm/** wklx,',
  'deny /{,**/}sys/firmware/** wklx,',
  'deny /{,**/}sys/kernel/security/** wklx,',
  'deny /{,**/}sys/kernel/uevent_helper wklx,',
  'deny mount options=(rw, move) /proc/** -> /**,',
] as const

/** The user namespace stands behind; mounting is what the kernel lets its root do. */
const UNPRIVILEGED = ['mount,'] as const

/** Root of the host in all but name: new mounts only of what a system needs. */
const PRIVILEGED = [
  'mount fstype=proc -> /{,**/}proc/,',
  'mount fstype=sysfs -> /{,**/}sys/,',
  'mount fstype=(tmpfs,ramfs,mqueue,devpts,hugetlbfs,binfmt_misc,fusectl,cgroup,cgroup2) -> /**,',
  'mount options=(rw, bind), mount options=(rw, rbind), mount options=(ro, bind), mount options=(ro, rbind),',
  'mount options=(rw, make-slave), mount options=(rw, make-rslave),',
  'mount options=(rw, make-private), mount options=(rw, make-rprivate),',
  'mount options=(rw, make-shared), mount options=(rw, make-rshared),',
  'mount options=(rw, make-unbindable), mount options=(rw, make-runbindable),',
  // systemd moves credentials, private /dev and the root of a service into place; never a mount out of /proc or /sys. No source:
  // a mount of the new API (fsmount(2), open_tree(2)), which 6.12 asks about when it is attached and 6.1 does not.
  'mount options=(rw, move) {,/{[^sp],s[^y],p[^r]}**} -> /{,**},',
  // The parser of AppArmor 3 takes the first for "no flags beside", and does not know nosymfollow, which that one lets pass with 4.
  'remount,',
  'mount options in (ro, rw, nosuid, nodev, noexec, remount, bind, noatime, nodiratime, relatime, strictatime, sync, silent) -> /{,**},',
  // The second would let new mounts pass, too.
  'deny mount fstype=(debugfs,tracefs,securityfs,efivarfs,configfs,pstore,bpf,devtmpfs,selinuxfs,smackfs) -> /{,**},',
  'deny /{,**/}sys/fs/cgroup/**/release_agent wklx,',
] as const

const NESTING = ['mount,', 'change_profile -> **,'] as const
