/** What is mounted, from /proc/self/mountinfo. */
import type { Host } from '../host/host.ts'

/** Mount points at or below path, in mount order. */
export function mountsBelow(host: Host, path: string): string[] {
  return mountPoints(host).filter((mount) => mount === path || mount.startsWith(`${path}/`))
}

export function isMountPoint(host: Host, path: string): boolean {
  return mountPoints(host).includes(path)
}

export function mountPoints(host: Host): string[] {
  return readMounts(host).map(({ point }) => point)
}

/** Those of views, and of running containers' own mounts (native/include/storage.h): not what people mounted there. */
export function ourMountPoints(host: Host): string[] {
  return readMounts(host).filter(({ source }) => source === 'tlxc-view' || source.startsWith('tlxc:')).map(({ point }) => point)
}

function readMounts(host: Host): { point: string; source: string }[] {
  return host.fs
    .readFileSync('/proc/self/mountinfo', 'utf8')
    .split('\n')
    .map((line) => {
      const [fields = '', tail = ''] = line.split(' - ')
      return { point: unescapeMount(fields.split(' ')[4] ?? ''), source: unescapeMount(tail.split(' ')[1] ?? '') }
    })
    .filter(({ point }) => point !== '')
}

/** proc_pid_mountinfo(5) writes blank, tab, newline and backslash as \ooo. */
function unescapeMount(text: string): string {
  return text.replace(/\\([0-7]{3})/g, (_, octal: string) => String.fromCharCode(parseInt(octal, 8)))
}
