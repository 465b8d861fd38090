/** Keys about privileges. */
import { bool } from '../codecs/number.ts'
import { text } from '../codecs/text.ts'
import { capability } from '../codecs/kernel.ts'
import { matching } from '../codecs/codec.ts'
import { list, scalar, wordList } from './row.ts'

const proxyAddress = matching('unix:/PATH or unix:@NAME', (raw) => raw.startsWith('unix:'))
const NOTIFY = 'this version installs no filter with a supervisor'

export const SECURITY = {
  capDrop: wordList(
    'lxc.cap.drop', capability, 'sys_module mac_admin', 'Capabilities taken away for good; not together with lxc.cap.keep.',
  ),
  apparmorProfile: scalar(
    'lxc.apparmor.profile', text, 'unconfined', 'AppArmor profile: a loaded one, unconfined, unchanged, or generated.',
  ),
  apparmorAllowIncomplete: scalar(
    'lxc.apparmor.allow_incomplete', bool, '0', 'Start even when the kernel lacks AppArmor features.', { unset: '0' },
  ),
  apparmorAllowNesting: scalar(
    'lxc.apparmor.allow_nesting', bool, '1', 'Let a generated profile allow containers inside.', { since: '3.1', unset: '0' },
  ),
  apparmorRaw: list('lxc.apparmor.raw', text, 'deny mount,', 'A line added to a generated profile.', { since: '3.1' }),
  selinuxContext: scalar('lxc.selinux.context', text, 'system_u:system_r:lxc_t:s0:c22', 'SELinux context of the first process.'),
  selinuxContextKeyring: scalar(
    'lxc.selinux.context.keyring', text, 'system_u:system_r:lxc_t:s0:c22', 'SELinux context of its keyring.', { since: '3.1' },
  ),
  seccompProfile: scalar(
    'lxc.seccomp.profile', text, '/usr/local/share/tlxc/config/common.seccomp',
    'File with the system calls that are denied or allowed; none: no filter.',
  ),
  seccompAllowNesting: scalar(
    'lxc.seccomp.allow_nesting', bool, '1', 'Load the filter even when one is in force already, as inside of a container; without it none is put on top.', { since: '4.0', unset: '0' },
  ),
}

/** Not simple fields: "none" is a value of its own. */
export const CAP_KEEP = {
  capKeep: wordList('lxc.cap.keep', capability, 'none', 'The only capabilities that stay; none: not one.'),
}

export const NOTIFICATION = {
  seccompNotifyProxy: scalar(
    'lxc.seccomp.notify.proxy', proxyAddress, 'unix:/run/proxy', `Socket of a system call supervisor; not supported: ${NOTIFY}.`,
    { status: 'unsupported', since: '3.2' },
  ),
  seccompNotifyCookie: scalar(
    'lxc.seccomp.notify.cookie', text, 'web', `Word sent to that supervisor; not supported: ${NOTIFY}.`,
    { status: 'unsupported', since: '4.0' },
  ),
}
