/** Keys about the console and terminals. */
import { bool, bufferSize, uint } from '../codecs/number.ts'
import { absolutePath, text } from '../codecs/text.ts'
import { devDirectory } from '../codecs/mount.ts'
import { scalar } from './row.ts'

export const CONSOLE = {
  ttyMax: scalar('lxc.tty.max', uint, '4', 'How many terminals /dev/ttyN there are beside the console; default 0.', { unset: '0' }),
  ttyDir: scalar('lxc.tty.dir', devDirectory, 'lxc', 'Directory below /dev for terminals and console; links lead to them.'),
  ptyMax: scalar('lxc.pty.max', uint, '1024', 'How many pseudo terminals there can be; default 1024.', { unset: '0' }),
  consolePath: scalar(
    'lxc.console.path', text, 'none', 'File or terminal of the host that gets what the console prints; none: no console at all.',
  ),
  consoleLogfile: scalar('lxc.console.logfile', absolutePath, '/var/log/tlxc/web.console', 'File in which all console output is kept.'),
  consoleSize: scalar('lxc.console.size', bufferSize, '1MB', 'Largest size of that file, rounded up to a power of two.', { unset: '0' }),
  consoleBufferSize: scalar(
    'lxc.console.buffer.size', bufferSize, 'auto', 'How much recent output is kept in memory for those who connect later; auto: 128 KB.',
    { unset: '0' },
  ),
  consoleRotate: scalar('lxc.console.rotate', bool, '1', 'Keep one old log file (FILE.1) when it is full.', { unset: '0' }),
}
