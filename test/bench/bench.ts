/** `npm run bench`: every figure of the README, tlxc beside real LXC, one run. Prints medians in milliseconds and the ratio. */
import { chmodSync, cpSync, existsSync, mkdirSync, mkdtempSync, openSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { spawnSync } from 'node:child_process'
import { join } from 'node:path'
import { binDir, repoRoot } from '../helpers/e2e.ts'
import { compare, median, pause, quiet, time, timeReport, type Sample } from './measure.ts'
import { STORAGE_TITLES, storageRows } from './storage.ts'

const filter = process.argv[2] ?? ''
const root = mkdtempSync('/var/tmp/tlxc-bench-')
chmodSync(root, 0o711)
mkdirSync(join(root, 'lib/tlxc/rootfs'), { recursive: true })
const ours = join(root, 'ours')
const theirs = join(root, 'theirs')
mkdirSync(ours, { mode: 0o700 })
mkdirSync(theirs, { mode: 0o755 })
const undisturbed = join(root, 'undisturbed')
mkdirSync(undisturbed, { mode: 0o755 })
spawnSync('chattr', ['+T', undisturbed])
mkdirSync(join(root, 'etc/tlxc'), { recursive: true })
mkdirSync(join(root, 'run'))
// As /run of a machine is, where LXC's own run directory lies.
quiet(['mount', '-t', 'tmpfs', '-o', 'mode=0755', 'tlxcbench', join(root, 'run')])
for (const file of ['tlxc.conf', 'default.conf']) cpSync(join(repoRoot, 'etc', file), join(root, 'etc/tlxc', file))
const conf = join(root, 'etc/tlxc/tlxc.conf')
writeFileSync(conf, `${readFileSync(conf, 'utf8')}\n[network]\nbridge = tlxcbench0\n[idmap]\nstart = 1879048192\ncount = 67108864\n`)
process.env.TLXC_ROOT = root

const libexec = join(repoRoot, 'build/prefix/libexec/tlxc')
const t = (program: string, ...args: string[]): string[] => [join(binDir, `tlxc-${program}`), '-P', ours, ...args]
const l = (program: string, ...args: string[]): string[] => [`lxc-${program}`, '-P', theirs, ...args]

interface Row {
  what: string
  target: string
  sample: Sample
  unit: string
}
const rows: Row[] = []

function wanted(...titles: string[]): boolean {
  return titles.some((title) => new RegExp(filter).test(title))
}

function bench(what: string, target: string, measure: () => Sample, unit = 'ms'): void {
  if (!wanted(what)) return
  process.stderr.write(`${what} …\n`)
  rows.push({ what, target, sample: measure(), unit })
}

/** Both tools run the same busybox system, file by file, privileged and without a network unless said otherwise: LXC's fast case. */
function prepare(): void {
  const none = join(root, 'none.conf')
  writeFileSync(none, 'lxc.net.0.type = empty\n')
  quiet(t('create', '-q', '-f', none, '-n', 'bb', '-t', 'busybox', '--privileged'))
  quiet(l('create', '-q', '-f', none, '-n', 'bb', '-t', 'busybox'))
  quiet([join(binDir, 'tlxc-net'), 'start'])
  const veth = join(root, 'veth.conf')
  writeFileSync(veth, 'lxc.net.0.type = veth\nlxc.net.0.link = tlxcbench0\nlxc.net.0.flags = up\n')
  quiet(t('create', '-q', '-f', veth, '-n', 'bv', '-t', 'busybox', '--privileged'))
  quiet(l('create', '-q', '-f', veth, '-n', 'bv', '-t', 'busybox'))
  for (const name of ['bb', 'bv']) {
    copyRootForLxc(name)
    dropLibraries(join(theirs, name, 'config'))
  }
}

/** LXC's template mounts this machine's libraries, for which ours, whose busybox is static, has no directories. */
function dropLibraries(config: string): void {
  writeFileSync(config, readFileSync(config, 'utf8').replaceAll(/^lxc\.mount\.entry = \/(usr\/)?lib(64)? .*\n/gm, ''))
}

/** What runs in a container decides how long it takes to die: a DHCP client with a packet socket waits for RCU. So the same for both. */
function copyRootForLxc(name: string): void {
  const to = join(theirs, name, 'rootfs')
  rmSync(to, { recursive: true, force: true })
  if (spawnSync('cp', ['-a', join(ours, name, 'rootfs'), to]).status !== 0) throw new Error(`cp of the root file system of ${name} failed`)
}

/** settleMs: how long it runs before it is stopped. A DHCP client that is killed while it waits for an answer costs a grace period of RCU (its packet socket). */
function startStop(name: string, n: number, settleMs = 0): { start: Sample; stop: Sample } {
  const stops: Sample[] = []
  const start = compare(
    n,
    () => {
      const ms = time(t('start', '-n', name))
      pause(settleMs)
      stops.push({ tlxc: time(t('stop', '-k', '-n', name)), lxc: NaN })
      return ms
    },
    () => {
      const ms = time(l('start', '-n', name))
      pause(settleMs)
      stops.push({ tlxc: NaN, lxc: time(l('stop', '-k', '-n', name)) })
      return ms
    },
  )
  const pick = (key: 'tlxc' | 'lxc'): number => median(stops.map((s) => s[key]).filter((ms) => !Number.isNaN(ms)))
  return { start, stop: { tlxc: pick('tlxc'), lxc: pick('lxc') } }
}

function hot(): void {
  bench('info, stopped', '≤ 20 ms', () => compare(15, () => time(t('info', '-n', 'bb')), () => time(l('info', '-n', 'bb'))))
  quiet(t('start', '-n', 'bb'))
  quiet(l('start', '-n', 'bb'))
  bench('info, running', '≤ 20 ms', () => compare(15, () => time(t('info', '-n', 'bb')), () => time(l('info', '-n', 'bb'))))
  bench('wait -s RUNNING', '≤ 20 ms', () =>
    compare(15, () => time(t('wait', '-n', 'bb', '-s', 'RUNNING')), () => time(l('wait', '-n', 'bb', '-s', 'RUNNING'))))
  bench('attach -- true', '≤ 20 ms', () =>
    compare(15, () => time(t('attach', '-n', 'bb', '--', 'true')), () => time(l('attach', '-n', 'bb', '--', 'true'))))
  bench('attach, native part', '≤ 0.7×', () =>
    compare(15, () => time([join(libexec, 'attach'), attachRequest()]), () => time(l('attach', '-n', 'bb', '--', 'true'))))
  bench('freeze', '≤ 20 ms', () =>
    compare(
      15,
      () => { const ms = time(t('freeze', '-n', 'bb')); quiet(t('unfreeze', '-n', 'bb')); return ms },
      () => { const ms = time(l('freeze', '-n', 'bb')); quiet(l('unfreeze', '-n', 'bb')); return ms },
    ))
  bench('monitor PSS', '≤ 1.0×', () => ({ tlxc: memory(monitorPid(), 'Pss'), lxc: memory(lxcMonitorPid(), 'Pss') }), 'KiB')
  bench('monitor, private', '≤ 1024 KiB', privateMemory, 'KiB')
  savePlan()
  quiet(t('stop', '-k', '-n', 'bb'))
  quiet(l('stop', '-k', '-n', 'bb'))
}

/** With a second container running: what all monitors share, the text of the program, is nobody's own. */
function privateMemory(): Sample {
  quiet(t('start', '-n', 'bv'))
  quiet(l('start', '-n', 'bv'))
  const sample = { tlxc: memory(monitorPid(), 'Private_.*'), lxc: memory(lxcMonitorPid(), 'Private_.*') }
  quiet(t('stop', '-k', '-n', 'bv'))
  quiet(l('stop', '-k', '-n', 'bv'))
  return sample
}

function runDirOf(name: string): string {
  const found = spawnSync('find', [join(root, 'run/tlxc'), '-name', 'plan.json', '-path', `*/${name}/*`]).stdout.toString().trim()
  if (!found) throw new Error(`no plan.json of ${name}`)
  return found.slice(0, -'/plan.json'.length)
}

let savedPlan = ''
let savedDir = ''
function savePlan(): void {
  savedDir = runDirOf('bb')
  savedPlan = readFileSync(join(savedDir, 'plan.json'), 'utf8')
}

function attachRequest(): string {
  return JSON.stringify({
    version: 1, socket: join(runDirOf('bb'), 'command'), name: 'bb', argv: ['true'], elevate_cgroup: false, elevate_caps: false,
    elevate_lsm: false, remount_sys_proc: false, env: ['PATH=/bin:/usr/bin:/sbin:/usr/sbin', 'container=lxc'], default_shell_env: false,
  })
}

function nativeStart(): void {
  quiet(['mkfifo', join(root, 'reports')])
  const reports = openSync(join(root, 'reports'), 'r+')
  bench('start, native part (plan to RUNNING)', '≤ 0.7×', () =>
    compare(
      15,
      () => {
        mkdirSync(savedDir, { recursive: true, mode: 0o700 })
        const plan = join(savedDir, 'plan.json')
        writeFileSync(plan, savedPlan, { mode: 0o600 })
        const ms = timeReport([join(libexec, 'monitor'), '--plan', plan, '--report-fd', '3'], reports)
        quiet(t('stop', '-k', '-n', 'bb'))
        return ms
      },
      () => {
        const ms = time(l('start', '-n', 'bb'))
        quiet(l('stop', '-k', '-n', 'bb'))
        return ms
      },
    ))
}

function lists(): void {
  for (let i = 0; i < 198; i++) {
    for (const dir of [ours, theirs]) {
      const to = join(dir, `s${i}`)
      mkdirSync(join(to, 'rootfs'), { recursive: true })
      cpSync(join(dir, 'bb/config'), join(to, 'config'))
    }
  }
  bench('ls of 200', '≤ 1.5×, ≤ 20 ms', () => compare(9, () => time(t('ls', '-1')), () => time(l('ls', '-1'))))
  for (const dir of [ours, theirs]) for (let i = 0; i < 198; i++) rmSync(join(dir, `s${i}`), { recursive: true })
}

function listRunning(): void {
  const names = Array.from({ length: 20 }, (_, i) => `r${i}`)
  for (const name of names) {
    quiet(t('create', '-q', '-f', join(root, 'none.conf'), '-n', name, '-t', 'busybox', '--privileged'))
    quiet(l('create', '-q', '-f', join(root, 'none.conf'), '-n', name, '-t', 'busybox'))
    quiet(t('start', '-n', name))
    quiet(l('start', '-n', name))
  }
  bench('ls -f of 20 running', '≤ 1.5×', () => compare(9, () => time(t('ls', '-f')), () => time(l('ls', '-f'))))
  for (const name of names) {
    quiet(t('destroy', '-f', '-n', name))
    quiet(l('destroy', '-f', '-n', name))
  }
}

function createDestroy(): void {
  const destroys: Sample = { tlxc: NaN, lxc: NaN }
  const times = { tlxc: [] as number[], lxc: [] as number[] }
  bench('create busybox', '≤ 0.5×', () =>
    compare(
      7,
      () => {
        const ms = time(t('create', '-q', '-f', join(root, 'none.conf'), '-n', 'cd', '-t', 'busybox'))
        times.tlxc.push(time(t('destroy', '-n', 'cd')))
        return ms
      },
      () => {
        const ms = time(l('create', '-q', '-f', join(root, 'none.conf'), '-n', 'cd', '-t', 'busybox'))
        times.lxc.push(time(l('destroy', '-n', 'cd')))
        return ms
      },
    ))
  destroys.tlxc = median(times.tlxc)
  destroys.lxc = median(times.lxc)
  bench('destroy busybox', '—', () => destroys)
}

const COLD = 'create Debian, cold cache'

/** Each downloads and unpacks a Debian from the same mirror, as its template has it: minutes, so only when asked for by this name. */
function coldDebian(): void {
  if (filter === '' || !wanted(COLD) || !haveLxcDebian()) return
  const cache = join(root, 'lxc-cache')
  bench(COLD, '≤ 0.8×', () =>
    compare(
      2,
      () => {
        rmSync(join(root, 'var/cache/tlxc'), { recursive: true, force: true })
        const ms = time(t('create', '-q', '-n', 'cold', '-t', 'debian'))
        quiet(t('destroy', '--purge', '-n', 'cold'))
        return ms
      },
      () => {
        rmSync(cache, { recursive: true, force: true })
        const ms = time(lxcCreateDebian('cold'), { LXC_CACHE_PATH: cache })
        quiet(l('destroy', '-n', 'cold'))
        return ms
      },
    ))
  rmSync(cache, { recursive: true, force: true })
}

/** Debian with systemd: ours unprivileged by default, LXC's privileged as its template makes it; both from a warm cache. */
function debian(): void {
  quiet(t('create', '-q', '-n', 'warm', '-t', 'debian'))
  quiet(t('destroy', '-n', 'warm'))
  const haveLxc = lxcDebian()
  bench('create Debian, warm cache', '≤ 0.1×', () =>
    compare(
      3,
      () => { spawnSync(join(binDir, 'tlxc-destroy'), ['-P', ours, '-n', 'deb']); return time(t('create', '-q', '-n', 'deb', '-t', 'debian')) },
      () => (haveLxc ? lxcDebianAgain() : NaN),
    ))
  bench('Debian boot to running', '≤ 1.0×', () => {
    firstBoot()
    return compare(11, () => bootOnce(t), () => bootOnce(l))
  })
  bench('Debian clean stop', '—', () =>
    compare(
      3,
      () => { bootOnce(t, false); return time(t('stop', '-n', 'deb')) },
      () => { bootOnce(l, false); return time(l('stop', '-n', 'deb')) },
    ))
}

function needDebian(): void {
  if (!existsSync(join(ours, 'deb/rootfs'))) quiet(t('create', '-q', '-n', 'deb', '-t', 'debian'))
}

/** Stopped Debians of the same files. */
function storage(): void {
  if (!wanted(...STORAGE_TITLES)) return
  needDebian()
  if (!existsSync(join(theirs, 'deb'))) copyForLxc()
  storageRows({ t, l, row: bench, ours, undisturbed })
}

/** The same root filesystem for both: LXC's copy is ours, so that boot times compare the tools and not two Debians. */
function firstBoot(): void {
  needDebian()
  copyForLxc()
  bootOnce(t)
  bootOnce(l)
}

function copyForLxc(): void {
  const to = join(theirs, 'deb')
  mkdirSync(to, { recursive: true })
  copyRootForLxc('deb')
  writeFileSync(
    join(to, 'config'),
    `lxc.include = /usr/share/lxc/config/common.conf\nlxc.rootfs.path = dir:${to}/rootfs\nlxc.uts.name = deb\nlxc.arch = amd64\n` +
      'lxc.net.0.type = veth\nlxc.net.0.link = tlxcbench0\nlxc.net.0.flags = up\n',
  )
}

function bootOnce(make: typeof t, stop = true): number {
  const begin = process.hrtime.bigint()
  quiet(make('start', '-n', 'deb'))
  // The bus is not there at once. The same observer for both, so that not its own cost is compared.
  const wait = ['-t', String(initPid(make)), '-a', 'systemctl', 'is-system-running', '--wait']
  while (!/^(running|degraded)/.test(spawnSync('nsenter', wait).stdout.toString())) continue
  const ms = Number(process.hrtime.bigint() - begin) / 1e6
  if (stop) quiet(make('stop', '-n', 'deb'))
  return ms
}

/** Found without the tools, so that their speed does not count: init of the pid namespace, in the container's cgroup. */
function initPid(make: typeof t): number {
  const group = new RegExp(`/${make === t ? 'tlxc' : 'lxc'}\\.payload\\.deb(/|$)`, 'm')
  for (;;) {
    for (const pid of readdirSync('/proc').filter((entry) => /^\d+$/.test(entry))) {
      try {
        const isInit = /^NSpid:\t\d+\t1$/m.test(readFileSync(`/proc/${pid}/status`, 'utf8'))
        if (isInit && group.test(readFileSync(`/proc/${pid}/cgroup`, 'utf8'))) return Number(pid)
      } catch {
        // It has ended.
      }
    }
  }
}

function haveLxcDebian(): boolean {
  return aptMirror() !== '' && existsSync('/usr/share/lxc/templates/lxc-debian')
}

/** Fills LXC's own cache, which stays for the next run. */
function lxcDebian(): boolean {
  if (!haveLxcDebian()) return false
  const [file = '', ...args] = lxcCreateDebian('warm')
  const result = spawnSync(file, args)
  spawnSync('lxc-destroy', ['-P', theirs, '-n', 'warm'])
  if (result.status !== 0) process.stderr.write(`lxc-create -t debian failed: ${result.error?.message ?? result.stderr.toString().trim().split('\n').slice(-3).join('; ')}\n`)
  return result.status === 0
}

function lxcDebianAgain(): number {
  spawnSync('lxc-destroy', ['-P', theirs, '-n', 'ldeb'])
  return time(lxcCreateDebian('ldeb'))
}

function lxcCreateDebian(name: string): string[] {
  const mirror = aptMirror()
  return l('create', '-q', '-n', name, '-t', 'debian', '--', '-r', 'bookworm', `--mirror=${mirror}`, `--security-mirror=${mirror}-security`)
}

/** The mirror that this machine's apt uses. */
function aptMirror(): string {
  const text = spawnSync('sh', ['-c', 'cat /etc/apt/sources.list /etc/apt/sources.list.d/* 2>/dev/null']).stdout.toString()
  return /^(?:URIs:\s*|deb\s+(?:\[[^\]]*\]\s+)?)(http\S+?)\/?(?:\s|$)/m.exec(text)?.[1] ?? ''
}

function monitorPid(): number {
  return Number((JSON.parse(readFileSync(join(runDirOf('bb'), 'state.json'), 'utf8')) as { monitor_pid: number }).monitor_pid)
}

function lxcMonitorPid(): number {
  const init = spawnSync('lxc-info', ['-P', theirs, '-n', 'bb', '-pH']).stdout.toString().trim()
  return Number(/^PPid:\s+(\d+)/m.exec(readFileSync(`/proc/${init}/status`, 'utf8'))?.[1])
}

/** KiB, the sum of what matches. */
function memory(pid: number, field: string): number {
  const found = readFileSync(`/proc/${pid}/smaps_rollup`, 'utf8').matchAll(new RegExp(`^${field}:\\s+(\\d+)`, 'gm'))
  return [...found].reduce((sum, match) => sum + Number(match[1]), 0)
}

function print(): void {
  const cell = (n: number): string => (Number.isNaN(n) ? '—' : n.toFixed(n < 100 ? 1 : 0))
  const line = (r: Row): string[] => [
    r.what, `${cell(r.sample.tlxc)} ${r.unit}`, `${cell(r.sample.lxc)} ${r.unit}`, Number.isNaN(r.sample.lxc) ? '—' : `${(r.sample.tlxc / r.sample.lxc).toFixed(2)}×`, r.target,
  ]
  const table = [['what', 'tlxc', 'LXC', 'ratio', 'to reach'], ...rows.map(line)]
  const widths = [0, 1, 2, 3, 4].map((i) => Math.max(...table.map((row) => (row[i] ?? '').length)))
  for (const row of table) process.stdout.write(`${row.map((text, i) => (i === 0 ? text.padEnd(widths[i] ?? 0) : text.padStart(widths[i] ?? 0))).join('  ')}\n`)
}

function starts(): void {
  if (wanted('start -d to RUNNING', 'stop -k')) {
    const plain = startStop('bb', 15)
    bench('start -d to RUNNING', '≤ 30 ms', () => plain.start)
    bench('stop -k', '—', () => plain.stop)
  }
  if (wanted('start -d, veth', 'stop -k, veth, at once', 'stop -k, veth')) {
    const veth = startStop('bv', 15)
    bench('start -d, veth', '≤ 30 ms', () => veth.start)
    bench('stop -k, veth, at once', '—', () => veth.stop)
    bench('stop -k, veth', '≤ 0.5×', () => startStop('bv', 9, 1000).stop)
  }
}

function cleanUp(): void {
  const names = new Set([ours, theirs].flatMap((dir) => readdirSync(dir)))
  for (const name of names) {
    spawnSync(join(binDir, 'tlxc-destroy'), ['-P', ours, '-f', '-s', '--purge', '-n', name])
    spawnSync('lxc-destroy', ['-P', theirs, '-f', '-s', '-n', name])
  }
  spawnSync(join(binDir, 'tlxc-net'), ['stop', '--force'])
  spawnSync('umount', [join(root, 'run')])
  rmSync(root, { recursive: true, force: true })
}

try {
  prepare()
  hot()
  if (wanted('start, native part (plan to RUNNING)')) nativeStart()
  starts()
  if (wanted('ls of 200')) lists()
  if (wanted('ls -f of 20 running')) listRunning()
  if (wanted('create busybox', 'destroy busybox')) createDestroy()
  coldDebian()
  if (wanted('create Debian, warm cache', 'Debian boot to running', 'Debian clean stop')) debian()
  storage()
} finally {
  print()
  cleanUp()
}
