/** Directories that overlay mounts of a copy write to: tlxc-copy -m overlay=…, and those of its original, which are empty here. As with lxc-copy they lie in the container's own. */
import { mountEntry } from '../config/codecs/mount.ts'
import { ConfigDocument } from '../config/document.ts'
import type { Host } from '../host/host.ts'
import { readConfigText, type Container } from './store.ts'

/** What is there stays as it is. The configuration is written. */
export function makeOverlayDirectories(host: Host, container: Container): void {
  for (const value of ConfigDocument.parse(readConfigText(host, container)).values('lxc.mount.entry')) {
    if (!/^\S+\s+\S+\s+overlay\s/.test(value)) continue
    const { source, options } = mountEntry.parse(value)
    make(host, own(container, options, 'workdir'), 0o700)
    // What is seen at the mount has owner and mode of the upper directory.
    const seen = host.fs.statSync(source, { throwIfNoEntry: false })
    const upper = own(container, options, 'upperdir')
    if (make(host, upper, (seen?.mode ?? 0o755) & 0o7777) && seen !== undefined) host.fs.chownSync(upper, seen.uid, seen.gid)
  }
}

/** '' for a directory elsewhere: that is somebody else's to make. */
function own({ dir }: Container, options: readonly string[], key: string): string {
  const path = options.find((option) => option.startsWith(`${key}=`))?.slice(key.length + 1) ?? ''
  return path.startsWith(`${dir}/`) && !path.slice(dir.length + 1).includes('/') ? path : ''
}

/** False: it is not ours, or there. */
function make(host: Host, path: string, mode: number): boolean {
  if (path === '' || host.fs.existsSync(path)) return false
  host.fs.mkdirSync(path)
  host.fs.chmodSync(path, mode)
  return true
}
