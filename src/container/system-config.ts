/** /etc/tlxc/tlxc.conf with the defaults filled in. */
import { parseSystemConfig, type SystemConfig } from '../config/system-config.ts'
import { errnoOf } from '../errors.ts'
import type { Host } from '../host/host.ts'

/** Without the file all defaults hold. Throws TlxcError CONFIG. */
export function readSystemConfig(host: Host): SystemConfig {
  const file = host.paths.systemConfig
  try {
    return parseSystemConfig(host.fs.readFileSync(file, 'utf8'), file)
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return parseSystemConfig('', file)
    throw error
  }
}
