/** What makes a copy a machine of its own: its host name and its machine-id. Files of the container's root, so no link of it is followed. */
import { randomBytes } from 'node:crypto'
import type { Host } from '../host/host.ts'

/**
 * rootfs is the mounted root of a container that has never run and that only root can reach, so that what lstat(2) sees stays so; the
 * container's root of before may have made any name a link.
 */
export function giveIdentity(host: Host, rootfs: string, hostname: string | null, { machineId = true } = {}): void {
  const etc = `${rootfs}/etc`
  if (!isDirectory(host, etc)) return
  if (hostname !== null && isFile(host, `${etc}/hostname`)) replace(host, etc, 'hostname', `${hostname}\n`)
  if (!machineId) return
  // Empty: systemd makes a new one at the next boot, machine-id(5). Two machines with the same id get the same address by DHCP.
  if (isFile(host, `${etc}/machine-id`)) replace(host, etc, 'machine-id', '')
  const dbus = `${rootfs}/var/lib/dbus`
  const reachable = ['var', 'var/lib', 'var/lib/dbus'].every((path) => isDirectory(host, `${rootfs}/${path}`))
  if (reachable && isFile(host, `${dbus}/machine-id`)) host.fs.unlinkSync(`${dbus}/machine-id`)
}

function replace(host: Host, directory: string, name: string, text: string): void {
  // Of a command that was killed between the next lines.
  for (const left of host.fs.readdirSync(directory)) {
    if (left.startsWith(`.${name}.`) && /\.[0-9a-f]{12}$/.test(left) && isFile(host, `${directory}/${left}`)) host.fs.unlinkSync(`${directory}/${left}`)
  }
  const { mode, uid, gid } = host.fs.lstatSync(`${directory}/${name}`)
  const temporary = `${directory}/.${name}.${randomBytes(6).toString('hex')}`
  host.fs.writeFileSync(temporary, text, { flag: 'wx', mode: 0o600 })
  host.fs.chownSync(temporary, uid, gid)
  host.fs.chmodSync(temporary, mode & 0o777)
  host.fs.renameSync(temporary, `${directory}/${name}`)
}

function isFile(host: Host, path: string): boolean {
  return host.fs.lstatSync(path, { throwIfNoEntry: false })?.isFile() === true
}

function isDirectory(host: Host, path: string): boolean {
  return host.fs.lstatSync(path, { throwIfNoEntry: false })?.isDirectory() === true
}
