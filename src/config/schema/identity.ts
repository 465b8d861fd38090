/** Keys about what a container is and how its first process runs. */
import { bool, int, integer, nonZero, uint } from '../codecs/number.ts'
import { absolutePath, commandLine, environmentEntry, hostname, text } from '../codecs/text.ts'
import { arch, logLevel, syslogFacility } from '../codecs/kernel.ts'
import { signal } from '../codecs/signal.ts'
import type { Codec } from '../codecs/codec.ts'
import { list, located, scalar, wordList } from './row.ts'

const gidList: Codec<readonly number[]> = {
  expects: 'group ids separated by commas',
  parse: (raw) => raw.split(',').map((part) => part.trim()).filter(Boolean).map((part) => uint.parse(part)),
  format: (values) => values.join(','),
}

export const IDENTITY = {
  utsName: scalar('lxc.uts.name', hostname, 'web', 'Host name inside; needs a UTS namespace of its own.'),
  arch: scalar(
    'lxc.arch', arch, 'x86_64',
    'Architecture that programs inside see (see personality(2)); a 32-bit name on a 64-bit machine makes uname -m tell so.',
  ),
  initCmd: scalar(
    'lxc.init.cmd', commandLine, '/sbin/init --log-level=info', 'First process of tlxc-start, with arguments; default /sbin/init.',
  ),
  executeCmd: scalar('lxc.execute.cmd', commandLine, '/usr/bin/app "a b"', 'Command of tlxc-execute when none is given.'),
  initCwd: scalar('lxc.init.cwd', absolutePath, '/srv', 'Working directory of the first process; made when missing.'),
  initUid: scalar('lxc.init.uid', uint, '1000', 'User id of the first process, inside.', { unset: '0' }),
  initGid: scalar('lxc.init.gid', uint, '1000', 'Group id of the first process, inside.', { unset: '0' }),
  initGroups: scalar('lxc.init.groups', gidList, '10,20', 'Supplementary group ids of the first process, inside.', { since: '5.0' }),
  signalHalt: scalar(
    'lxc.signal.halt', signal, 'SIGRTMIN+3', 'Signal for a clean shutdown; default SIGRTMIN+3 when init is systemd, else SIGPWR.',
    { unset: '0' },
  ),
  signalReboot: scalar('lxc.signal.reboot', signal, 'SIGINT', 'Signal for a clean reboot; default SIGINT.', { unset: '0' }),
  signalStop: scalar('lxc.signal.stop', signal, 'SIGKILL', 'Signal that stops it by force; default SIGKILL.', { unset: '0' }),
  ephemeral: scalar('lxc.ephemeral', bool, '0', 'Destroy the container when it stops. One whose monitor could not, because it was killed or the power went, is destroyed by the next tlxc-copy -e or tlxc-checkconfig --storage.', { unset: '0' }),
  environment: located(list(
    'lxc.environment', environmentEntry, 'APP_ENV=production',
    'Variable for the first process and for tlxc-attach; NAME alone takes the value of the starting command, and fails when there is none.',
  )),
  environmentRuntime: located(list(
    'lxc.environment.runtime', environmentEntry, 'LANG=C.UTF-8', 'As lxc.environment, only for processes inside.', { since: '7.0' },
  )),
  environmentHooks: located(list('lxc.environment.hooks', environmentEntry, 'STAGE=test', 'Variable for hooks only.', { since: '7.0' })),
}

export const LIFECYCLE = {
  startAuto: scalar('lxc.start.auto', bool, '1', 'Started by tlxc-autostart.', { unset: '0' }),
  startDelay: scalar('lxc.start.delay', uint, '5', 'Seconds that tlxc-autostart waits after it.', { unset: '0' }),
  startOrder: scalar('lxc.start.order', int, '10', 'Place among the others of tlxc-autostart; lower comes first.', { unset: '0' }),
  groups: wordList('lxc.group', text, 'onboot', 'Groups for tlxc-autostart and tlxc-ls -g.'),
  monitorUnshare: scalar(
    'lxc.monitor.unshare', nonZero, '1', 'Give the monitor a mount namespace of its own before hooks run.', { unset: '0' },
  ),
  monitorPdeathSignal: scalar(
    'lxc.monitor.signal.pdeath', signal, 'SIGKILL', 'Signal that init gets when the monitor dies; 0: it lives on.',
    { unset: '9', empty: '0' },
  ),
  noNewPrivs: scalar(
    'lxc.no_new_privs', bool, '1', 'Set no_new_privs (prctl(2)): set-uid programs give no privilege inside.', { unset: '0' },
  ),
  schedCore: scalar(
    'lxc.sched.core', bool, '1', 'Core scheduling: share no CPU core with other tasks at the same time.', { since: '4.0', unset: '0' },
  ),
  keyringSession: scalar('lxc.keyring.session', bool, '0', 'Make a new session keyring; default 1.', { unset: '0' }),
  logFile: scalar('lxc.log.file', text, '/var/log/tlxc/web.log', 'Log of the monitor.'),
  logLevel: scalar('lxc.log.level', logLevel, 'INFO', 'How much is logged; default ERROR.', { unset: 'NOTSET' }),
  logSyslog: scalar('lxc.log.syslog', syslogFacility, 'daemon', 'Log to syslog(3) with this facility instead.'),
}

/** 0 or 1; LXC takes garbage for 0, which is an error here. */
export const hookVersionNumber: Codec<number> = integer(0, 1)
