/** Reading and setting files of a running container's limit cgroup. */
import { errnoOf, TlxcError } from '../errors.ts'
import type { Host } from '../host/host.ts'
import { expectOk, request } from '../monitor/client.ts'
import type { CgroupPath, Status } from '../protocol/generated.ts'
import type { Container } from './store.ts'

/** The text of the file, as the kernel gives it. Throws TlxcError USAGE, UNSUPPORTED, IO. */
export function readCgroupFile(host: Host, status: Status, file: string): string {
  const path = `${cgroupOf(status, file).payload}/${file}`
  try {
    return host.fs.readFileSync(path, 'utf8')
  } catch (error) {
    throw failed(`Failed to retrieve value of '${file}' for '${status.lxcpath}:${status.name}'`, path, error)
  }
}

/** Without a v1 devices hierarchy, devices.allow and devices.deny change the BPF program. Throws TlxcError USAGE, UNSUPPORTED, IO. */
export async function writeCgroupFile(host: Host, container: Container, status: Status, file: string, value: string): Promise<void> {
  const isDeviceRule = file === 'devices.allow' || file === 'devices.deny'
  if (isDeviceRule && !hierarchyOf(status, 'devices', 1)) {
    const rules = [{ version: 2, allow: file === 'devices.allow', rule: value.trim() }]
    expectOk(await request(host, container, { op: 'devices', rules }), `set ${file} of`, container.name)
    return
  }
  const path = `${cgroupOf(status, file).payload}/${file}`
  try {
    // Never O_CREAT, and cgroup files may be write-only.
    const fd = host.fs.openSync(path, host.fs.constants.O_WRONLY)
    try {
      host.fs.writeSync(fd, value)
    } finally {
      host.fs.closeSync(fd)
    }
  } catch (error) {
    throw failed(`Failed to assign '${value}' value to '${file}' for '${container.name}'`, path, error)
  }
}

/** "memory.max" belongs to the hierarchy with the controller memory; v1 first, as on a hybrid host v2 has no controllers. */
function cgroupOf(status: Status, file: string): CgroupPath {
  if (!/^[A-Za-z0-9_]+(\.[A-Za-z0-9_-]+)+$/.test(file)) {
    throw new TlxcError('USAGE', `cannot use "${file}": it is no name of a cgroup file`, { hint: 'for example memory.max or pids.max' })
  }
  const controller = file.slice(0, file.indexOf('.'))
  const cgroup = hierarchyOf(status, controller, 1) ?? hierarchyOf(status, controller, 2)
  if (cgroup) return cgroup
  throw new TlxcError('UNSUPPORTED', `Failed to retrieve value of '${file}' for '${status.lxcpath}:${status.name}': no controller "${controller}"`, {
    hint: `controllers of this container: ${[...new Set(status.cgroups.flatMap(({ controllers }) => controllers))].join(' ') || 'none'}`,
  })
}

/** cgroup.* files are of every v2 cgroup; so is what v2 has without a controller (cpu.stat, *.pressure). */
function hierarchyOf(status: Status, controller: string, version: 1 | 2): CgroupPath | undefined {
  return status.cgroups.find((cgroup) => cgroup.version === version && (version === 2 && controller === 'cgroup' ? true : cgroup.controllers.includes(controller)))
}

function failed(message: string, path: string, error: unknown): TlxcError {
  const errno = errnoOf(error)
  if (errno === undefined) throw error
  const hint = errno === 'ENOENT' ? `there is no "${path}"` : errno === 'EACCES' ? 'run it as root' : `the kernel says ${errno} for "${path}"`
  return new TlxcError('IO', message, { hint, cause: error })
}
