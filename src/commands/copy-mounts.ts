/** -m of tlxc-copy: {bind|overlay}=/src[:/dst][:ro|rw],… into values of lxc.mount.entry, as lxc-copy writes them. Pure. */
import { TlxcError } from '../errors.ts'

export interface ExtraMount {
  kind: 'bind' | 'overlay'
  source: string
  target: string
  /** bind: ro or rw. */
  mode: 'ro' | 'rw'
}

/** Throws TlxcError USAGE for what is no such list. */
export function parseMounts(text: string): ExtraMount[] {
  return text.split(',').map((spec) => {
    const match = /^(bind|overlay|overlayfs|aufs)=(\/[^:]*)(?::(\/[^:]*))?(?::(ro|rw))?$/.exec(spec)
    const [, kind, source = '', target, mode] = match ?? []
    if (match === null || kind === 'aufs' || /\s/.test(spec)) throw wrong(spec)
    return { kind: kind === 'bind' ? 'bind' : 'overlay', source, target: target ?? source, mode: mode === 'ro' ? 'ro' : 'rw' }
  })
}

/** isFile: what a bind's target is made as. delta: two fresh directories for an overlay. */
export function mountEntry(mount: ExtraMount, isFile: boolean, delta: { upper: string; work: string }): string {
  const target = mount.target.replace(/^\/+/, '')
  if (mount.kind === 'bind') return `${mount.source} ${target} none bind,optional,${mount.mode},create=${isFile ? 'file' : 'dir'} 0 0`
  return `${mount.source} ${target} overlay upperdir=${delta.upper},lowerdir=${mount.source},workdir=${delta.work},create=dir 0 0`
}

function wrong(spec: string): TlxcError {
  return new TlxcError('USAGE', `invalid mount '${spec}'`, { hint: 'give bind=/src[:/dst][:ro|rw] or overlay=/src[:/dst], several separated by commas' })
}
