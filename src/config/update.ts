/** A document with names of LXC 1.x and 2.x → the same with those since 3.0; comments, order and spacing stay. */
import { ConfigDocument } from './document.ts'
import { LegacyTranslator } from './schema/legacy.ts'

export interface LegacyChange {
  /** Counts from 1, in the old text. */
  line: number
  from: string
  /** null: the line was removed, it has no meaning any more. */
  to: string | null
}

/** Changes the document in place and tells what was changed; nothing when all names are current. */
export function updateLegacy(document: ConfigDocument): LegacyChange[] {
  const translator = new LegacyTranslator()
  const backend = document.values('lxc.rootfs.backend').at(-1)
  // A backend may stand after its rootfs; then a later line would have to change an earlier one.
  if (backend !== undefined) translator.translate('lxc.rootfs.backend', backend)
  const changes: LegacyChange[] = []
  const removed: number[] = []
  for (const { index, key, value } of document.pairs()) {
    const isBackend = key === 'lxc.rootfs.backend'
    const translation = isBackend ? { key: null, value } : translator.translate(key, value)
    if (!translation) continue
    const to = translation.key
    changes.push({ line: index + 1, from: key, to })
    if (to === null) removed.push(index)
    else document.setAt(index, translation.value, to)
  }
  for (const index of removed.reverse()) document.removeAt(index)
  return changes
}
