/** What a running container uses, from the files of its cgroups; v1 files where a v1 hierarchy has the controller, else v2. */
import { errnoOf } from '../errors.ts'
import type { Host } from '../host/host.ts'
import type { CgroupPath, Status } from '../protocol/generated.ts'

/** Absent: the kernel does not account it. */
export interface Stats {
  cpuNanoseconds?: number
  blkioBytes?: number
  memoryBytes?: number
  kernelMemoryBytes?: number
  swapBytes?: number
}

export type Stat = keyof Stats

/** Reads only what is asked for. */
export function readStats(host: Host, status: Status, wanted: readonly Stat[]): Stats {
  const stats: Stats = {}
  for (const stat of wanted) {
    const value = READERS[stat](new CgroupFiles(host, status.cgroups))
    if (value !== null) stats[stat] = value
  }
  return stats
}

const READERS: Readonly<Record<Stat, (files: CgroupFiles) => number | null>> = {
  cpuNanoseconds: (files) => files.v1('cpuacct', 'cpuacct.usage') ?? scaled(files.flat('cpu.stat', ['usage_usec']), 1000),
  blkioBytes: (files) => files.v1Total('blkio', 'blkio.throttle.io_service_bytes') ?? files.ioTotal(),
  memoryBytes: (files) => files.v1('memory', 'memory.usage_in_bytes') ?? files.flat('memory.stat', ['anon', 'file']),
  kernelMemoryBytes: (files) =>
    files.v1('memory', 'memory.kmem.usage_in_bytes') ?? files.flat('memory.stat', ['kernel_stack', 'pagetables', 'sock', 'slab']),
  swapBytes: (files) => files.v1Swap() ?? files.v2('memory.swap.current'),
}

class CgroupFiles {
  readonly #host: Host
  readonly #cgroups: readonly CgroupPath[]

  constructor(host: Host, cgroups: readonly CgroupPath[]) {
    this.#host = host
    this.#cgroups = cgroups
  }

  v1(controller: string, file: string): number | null {
    return toNumber(this.#v1Text(controller, file))
  }

  v2(file: string): number | null {
    return toNumber(this.#v2Text(file))
  }

  /** "Total N" of the blkio files; without any I/O there is only that line, or none. */
  v1Total(controller: string, file: string): number | null {
    const text = this.#v1Text(controller, file)
    return text === null ? null : Number(/^Total (\d+)$/m.exec(text)?.[1] ?? 0)
  }

  /** memory.memsw is memory and swap together; not there without swap accounting: LXC shows 0 then. */
  v1Swap(): number | null {
    const memory = this.v1('memory', 'memory.usage_in_bytes')
    if (memory === null) return null
    const both = this.v1('memory', 'memory.memsw.usage_in_bytes')
    return both === null ? 0 : Math.max(0, both - memory)
  }

  /** Sum of the keys of a flat keyed file of v2; null when the file is not there. */
  flat(file: string, keys: readonly string[]): number | null {
    const text = this.#v2Text(file)
    if (text === null) return null
    const values = new Map(text.split('\n').map((line): [string, number] => [line.split(' ')[0] ?? '', Number(line.split(' ')[1])]))
    return keys.reduce((sum, key) => sum + (values.get(key) ?? 0), 0)
  }

  /** Bytes read and written on all devices: io.stat of v2. */
  ioTotal(): number | null {
    const text = this.#v2Text('io.stat')
    if (text === null) return null
    return [...text.matchAll(/\b[rw]bytes=(\d+)/g)].reduce((sum, [, bytes]) => sum + Number(bytes), 0)
  }

  #v1Text(controller: string, file: string): string | null {
    const cgroup = this.#cgroups.find(({ version, controllers }) => version === 1 && controllers.includes(controller))
    return cgroup ? this.#read(`${cgroup.payload}/${file}`) : null
  }

  #v2Text(file: string): string | null {
    const cgroup = this.#cgroups.find(({ version }) => version === 2)
    return cgroup ? this.#read(`${cgroup.payload}/${file}`) : null
  }

  #read(path: string): string | null {
    try {
      return this.#host.fs.readFileSync(path, 'utf8')
    } catch (error) {
      // EOPNOTSUPP: accounting is there but switched off.
      if (['ENOENT', 'ENODEV', 'EOPNOTSUPP', 'EACCES'].includes(errnoOf(error) ?? '')) return null
      throw error
    }
  }
}

function toNumber(text: string | null): number | null {
  const value = text === null ? NaN : Number(text.trim())
  return Number.isFinite(value) ? value : null
}

function scaled(value: number | null, factor: number): number | null {
  return value === null ? null : value * factor
}
