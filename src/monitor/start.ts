/** Spawns the native monitor and reads its report (src/protocol/README.md, "Start"). */
import { TlxcError } from '../errors.ts'
import type { Host, NativeOptions } from '../host/host.ts'
import { decodeStruct } from '../protocol/decode.ts'
import type { Report } from '../protocol/generated.ts'

export interface ForegroundOptions {
  foreground?: boolean
  /** In the foreground: called as soon as the container runs or has failed to. */
  onReport?: (report: Report) => void
}

export interface MonitorRun {
  report: Report
  /** In the foreground: the container's, as a shell gives it. */
  exitCode: number | null
}

/**
 * Resolves as soon as the container runs or has failed to; what failed is in the report. foreground: the monitor keeps the
 * caller's streams (plan.foreground decides whether it stays).
 * Throws TlxcError MONITOR when the monitor ends without a report, EXEC when it cannot be started.
 */
export async function startMonitor(host: Host, planFile: string, options: ForegroundOptions = {}): Promise<MonitorRun> {
  const monitor = `${host.paths.libexec}/monitor`
  const native: NativeOptions = options.foreground
    ? { stdio: 'inherit', wait: true, onReport: (line) => options.onReport?.(decodeReport(monitor, line)) }
    : { stdio: 'ignore' }
  const { report, exitCode } = await host.runNative(monitor, ['--plan', planFile, '--report-fd', '3'], native)
  if (report.trim() === '') {
    throw new TlxcError('MONITOR', `cannot start a monitor for "${planFile}": it ended without a report (${exitCode === null ? 'killed' : `exit status ${exitCode}`})`, {
      hint: 'see the log of the container, or install tlxc again if its parts are of different versions',
    })
  }
  return { report: decodeReport(monitor, report), exitCode }
}

function decodeReport(monitor: string, line: string): Report {
  try {
    return decodeStruct('Report', JSON.parse(line))
  } catch (error) {
    throw new TlxcError('MONITOR', `cannot understand the report of "${monitor}": ${error instanceof Error ? error.message : 'not JSON'}`, {
      hint: 'its version differs from this one; install tlxc again',
      cause: error,
    })
  }
}
