/**
 * The same with real LXC and with tlxc: standard output byte by byte and exit code. A row that says `why` is where we differ
 * knowingly: then `own` is what tlxc gives, and that LXC gives something else is checked, too.
 */
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { each, makePair, noParity, onTerminal, rows, type Pair, type Row } from '../helpers/parity.ts'

const CONFIG = `
lxc.rootfs.path = dir:$DIR/NAME/rootfs
lxc.uts.name = NAME
lxc.arch = x86_64
lxc.tty.max = 2
lxc.pty.max = 64
lxc.cap.drop = sys_time sys_module
lxc.mount.auto = proc:mixed sys:ro cgroup:mixed
lxc.signal.halt = SIGUSR1
lxc.signal.reboot = SIGTERM
lxc.net.0.type = empty
lxc.environment = FROM_CONFIG=yes
lxc.group = g1 g2
lxc.group = g3
lxc.start.auto = 1
lxc.start.delay = 3
lxc.start.order = 7
`

const PIDS = /\b\d{3,}\b/g
// With -H no unit follows; 0 bytes of input and output are one machine's page cache, and another one's disk.
const STATS = /\d+(\.\d+)? (seconds|bytes|KiB|MiB)|(?<=use: +)\d+|\d{3,}/g

const NO_CONTAINER = rows(
  ...['info', 'start', 'stop', 'freeze', 'unfreeze', 'wait', 'attach', 'console', 'cgroup', 'execute', 'destroy', 'create'].flatMap((program) => [
    { line: `@${program}` },
    { line: `@${program} --help` },
    { line: `@${program} -?` },
    { line: `@${program} --usage` },
    { line: `@${program} --no-such-option c` },
  ]),
  ...['info', 'start', 'stop', 'freeze', 'unfreeze', 'attach', 'console', 'destroy'].map((program) => ({ line: `@${program} nosuch` })),
  '@cgroup nosuch pids.max',
  '@wait nosuch -s STOPPED',
  '@wait nosuch -s RUNNING -t 1',
  '@execute nosuch -- true',
  '@info nosuch -sH',
  '@ls',
  '@ls -1',
  '@ls -f',
  '@autostart -L -g nosuch',
  '@autostart -g nosuch',
  '@create new',
  '@create new -t nosuch',
)

const STOPPED = rows(
  ...each('@info c %', '', '-s', '-p', '-i', '-S', '-H', '-sH', '-pH', '-iH', '-SH', '-s -p', '-spH', '-c lxc.uts.name', '-H -c lxc.uts.name', '-c lxc.rootfs.path',
    '-c lxc.nosuch', '-c lxc.tty.max -c lxc.mount.auto', '-H -c lxc.tty.max -c lxc.mount.auto', '-c lxc.group', '-c lxc.net.0.type', '-c lxc.net', '-c lxc.cap.drop', '-s -c lxc.arch'),
  ...each('@ls %', '', '-1', '-f', '--stopped', '--running', '--active', '--frozen', '--defined', '-g g1', '-g g1,g2', '-g g1,nosuch', '-f -g g3', '--filter ^c', '^b', '-1 b',
    '-f -F name', '-f -F NAME,State,pid,ram,swap,autostart,groups,interface,ipv4,ipv6,unprivileged', '-F name', '-f -F bad', '-f -F name,bad,pid', '--stopped -1 --defined',
    '--nesting', '-f --nesting', '-1 --nesting=1'),
  ...[20, 33, 40, 80].map((columns) => ({ line: onTerminal('@ls', columns) })),
  { line: onTerminal('@ls -f', 40) },
  ...each('@wait c %', '-s STOPPED', '-s RUNNING -t 1', '-s BAD', '', "-s 'RUNNING|STOPPED'", '-s stopped', '-s STOPPED -t 0', '-s RUNNING -t 0'),
  { line: '@wait c -s STOPPED -t bad', why: 'a time that is no number is an error, not 0', own: { code: 1 } },
  ...['freeze', 'unfreeze', 'stop', 'stop -k', 'stop -r', 'stop -W', 'console', 'attach', 'cgroup'].map((words) => ({ line: `@${words} c` })),
  '@attach c -- true',
  '@cgroup c pids.max',
  ...each('@autostart -L %', '', '-a', '-g g1', '-g g2,g1', '-g nosuch', '-A -a', '-g "g1,"', '-s -a', '-k -a', '-r -a', '-s'),
  '@create c -t busybox',
)

const STATES_OF_LIFE = rows(
  ...each('@info c %', '', '-s', '-p', '-S', '-H', '-SH', '-s -p', '-spH', '-iH', '-i').map((row) => ({ ...row, mask: STATS })),
  ...each('@info c %', '-sH', '-H -c lxc.uts.name'),
  { line: '@info c -pH', mask: PIDS },
  ...each('@ls %', '', '-1', '-f', '--stopped', '--running', '--active', '--frozen', '--defined', '--active -f', '-f -g g1', '-f -F name,state,ipv4,interface'),
  { line: '@ls -f -F name,pid,state', mask: /\b\d{3,} +|PID +/g },
  ...each('@wait c %', '-s RUNNING -t 1', '-s FROZEN -t 1', "-s 'FROZEN|RUNNING'", '-s STOPPED -t 1'),
  ...['info -s c', 'wait c -s STOPPED -t 0', 'cgroup c pids.max', 'console c -t 9', 'unfreeze c', 'freeze c', 'stop -W c'].map((words) => ({ line: `@${words} --rcfile=/nosuch` })),
  ...['ls -1', 'autostart -L'].map((words) => ({ line: `@${words} --rcfile=/nosuch`, why: 'LXC takes the option and ignores it', own: { code: 1 } })),
  '@info -H -c lxc.uts.name c --rcfile=$DIR/b2/config',
  '@autostart -L -a',
  '@autostart -L -a -s',
  '@start c',
  '@destroy c',
  '@create c -t busybox',
)

const ATTACH = rows(
  ...each('@attach c -- %', 'true', 'false', "sh -c 'exit 7'", "sh -c 'kill -TERM $$'", "sh -c 'kill -KILL $$'", '/nosuch', 'nosuch', '/etc/passwd', '/etc', 'id', 'hostname', 'pwd', 'tty',
    'cat /proc/self/comm', "sh -c 'echo $container'", "sh -c 'ulimit -n'", "sh -c 'umask'", 'cat /proc/self/attr/current'),
  { line: '@attach c -- sh -c "ls /proc/self/fd | wc -l" 5</dev/null', why: 'LXC hands descriptors of its caller into the container', own: { stdout: '4\n' } },
  ...each('@attach c -- grep -E % /proc/self/status', '^Cap', '^Seccomp', '^NoNewPrivs', '^Groups', '^Sig[^Q]'),
  '@attach c true',
  '@attach -n c -- echo a "b c" ""',
  'echo hello | @attach c -- cat',
  'echo "echo from stdin; exit 5" | @attach c',
  'head -c 1000000 /dev/zero | tr "\\0" x | @attach c -- md5sum',
  '@attach c -- sh -c "echo out; echo err >&2" 2>&1 | sort',
  { line: '@attach c -- env | grep -vE "^(PWD|OLDPWD|SHLVL|TLXC_|_)" | sort' },
  ...each('@attach c % -- env | sort', '--clear-env', '--clear-env --keep-var TEST_VAR', '--clear-env -v A=b', '--clear-env -v A=b -v A=c', '--clear-env --keep-var TEST_VAR -v TEST_VAR=own',
    '--clear-env --keep-var PATH', '--clear-env -v FROM_CONFIG=no', '--clear-env -v container=other', '--clear-env --keep-var NOSUCH', '--clear-env --keep-env', '--keep-env --clear-env'),
  '@attach c --clear-env -v PATH=/bin -- /usr/bin/env | sort',
  { line: '@attach c --clear-env -v PATH=/bin -- env', why: 'COMMAND is looked for in the standard directories, too: the caller’s PATH is of another system', own: { code: 0 } },
  '@attach c -v TEST_VAR=x -- sh -c "echo \\$TEST_VAR"',
  ...each('@attach c % -- id', '-u 1', '-g 1', '-u 1 -g 2', '-u 65534', '-u bad', '-g -1'),
  { line: '@attach c -u 4294967295 -- id', why: 'to the kernel that id means no change: LXC gives root', own: { code: 1 } },
  '@attach c -u 1 -g 1 -- grep -E "^(Cap|Groups|Uid|Gid)" /proc/self/status',
  '@attach c -u 4242 </dev/null',
  'cd /usr && @attach c -- pwd',
  'cd /var/tmp && @attach c -- pwd',
  ...each('@attach c % -- hostname', '-s UTSNAME', "-s 'MOUNT|UTSNAME'", '-s uts', '-s NETWORK', '-s BAD', "-s ''"),
  ...each('@attach c % -- sh -c "ls /proc | grep -c ^1\\$; cat /etc/inittab | wc -l"', "-s 'MOUNT|PID'"),
  ...each('@attach c % -- grep ^CapBnd /proc/self/status', '-e', "-e CAP", "-eCAP", "-e'CGROUP|LSM'", '--elevated-privileges=CAP', '--elevated-privileges=BAD', '--elevated-privileges'),
  ...each('@attach c % -- uname -m', '-a i686', '-a x86_64', '-a bad'),
  { line: '@attach c -e=CAP -- grep ^CapBnd /proc/self/status', why: 'people write the = of the long option', own: { code: 0 } },
  { line: '@attach c -- cat /proc/self/cgroup | grep -v ^0', mask: /^\d+/gm },
  { line: '@attach c -- sh -c "tr \\\\0 \\\\n < /proc/1/environ | sort"', why: 'init gets a PATH, and container_ttys as systemd wants it', own: { code: 0 } },
  'cd /usr && echo pwd | @attach c',
  'cd /usr && @attach c -s UTSNAME -- pwd',
  'cd /root && @attach c -u 1 -- pwd',
  '@attach c -R -s "PID" -- sh -c "exit 3"',
  '@attach c -f /nosuch -- true',
  { line: onTerminal('@attach c -- tty'), mask: /\d+/g },
  { line: onTerminal("@attach c -- sh -c 'exit 4'") },
  { line: onTerminal('@attach c -- stty size', 71) },
  { line: onTerminal('@attach c', 80, 'exit 6\\n'), mask: /[^]*/g },
  'timeout 1 @attach c -- sleep 5',
)

const CGROUP = rows(
  { line: '@cgroup c pids.current', mask: /\d+/g },
  '@cgroup c pids.max',
  '@cgroup c pids.max 100',
  '@cgroup c pids.max',
  '@cgroup c pids.max bad',
  '@cgroup c pids.nosuch',
  '@cgroup c nosuch.file',
  '@cgroup c nosuch',
  { line: '@cgroup c pids.max 100 200', why: 'an argument too many is an error', own: { code: 1 } },
  '@cgroup c memory.limit_in_bytes',
  '@cgroup c cpuset.cpus',
  '@cgroup c freezer.state',
  '@cgroup c devices.list',
  { line: '@cgroup c cgroup.procs', why: 'LXC asks a controller "cgroup" and finds none; here it is a file of cgroup v2', own: { code: 0 } },
  '@cgroup c',
)

/** Two at one tty: the second is turned away. */
const BUSY = `((sleep 4; printf '\\001q'; sleep 1) | script -qec "@console c -t 2" /dev/null >/dev/null 2>&1) & sleep 1.5; ${onTerminal('@console c -t 2 2>/dev/null', 80, '\\001q')}; r=$?; wait; exit $r`

const CONSOLE = rows(
  BUSY,
  '@console c -t 9',
  '@console c -t bad',
  { line: '@console c -t 1 </dev/null', why: 'works without a terminal, too', own: { code: 0 } },
  { line: onTerminal('@console c -t 1 2>&1', 80, '\\001q'), mask: /[^]*?exit the console.*itself|[^]+/g },
  { line: onTerminal('@console c -t 0 -e ^b', 80, '\\002q'), mask: /[^]+/g },
  { line: onTerminal('@console c -t 0 -e b 2>&1 | grep -a exit.the', 80, '\\002q') },
  { line: onTerminal('@console c -t 0', 80, '\\001q'), mask: /[^]+/g },
)

const EXECUTE = rows(
  ...each('@execute e -- %', 'true', 'false', "sh -c 'exit 7'", "sh -c 'kill -TERM $$'", "sh -c 'kill -KILL $$'", 'id -u', 'hostname', "sh -c 'echo $$'",
    "sh -c 'echo $container'", 'pwd'),
  { line: '@execute e -- /nosuch', why: 'a start that failed is 1 everywhere', own: { code: 1 } },
  'echo hello | @execute e -- cat',
  { line: '@execute e -- env | sort', why: 'COMMAND gets a PATH, and container_ttys', own: { stdout: expect.stringContaining('FROM_CONFIG=yes\nPATH=/usr/local/sbin') as string } },
  '@execute e -u 1 -g 1 -- id -u',
  { line: '@execute e', why: 'LXC 5.0.2 crashes: it has no COMMAND', own: { code: 1 } },
  '@execute e -d -- true',
  '@wait e -s STOPPED -t 5',
  '@execute e -d -- sleep 30; @info e -sH; @stop e -k; @info e -sH',
  '@execute e -s lxc.uts.name=other -- hostname',
  { line: '@execute e -s bad -- true', why: 'LXC drops what is no KEY=VALUE', own: { code: 1 } },
  '@execute e -s lxc.nosuch=1 -- true',
  'head -c 300000 /dev/zero | @execute e -- wc -c',
)

const STOP = rows(
  ...each('@stop c %', '-k --nokill', '-k -r', '-k -t 5', '--nolock', '-t -5', '-t bad'),
  '@freeze c',
  '@stop c -k',
  '@stop c',
  '@start c; @stop c -t 10; @info c -sH',
  '@start c; @stop c -r; @wait c -s RUNNING -t 10; @info c -sH',
  '@stop c -r -t 10; @info c -sH',
  '@stop c --nokill -t 10',
  '@start c; @stop c -W; @wait c -s STOPPED -t 10',
  '@start c; @stop c -k -t 0',
  '@start c; @stop c -k --nolock; @info c -sH',
  '@start s; sleep 0.3; @stop s -t 1 --nokill; @info s -sH',
  '@stop s -t 1; @info s -sH',
  '@start s; sleep 0.3; @stop s -W; @info s -sH; @stop s -k',
)

const START = rows(
  '@start noinit',
  '@info noinit -sH',
  '@start noinit -F </dev/null',
  '@start norootfs',
  '@start c -s lxc.uts.name=defined; @attach c -- hostname; @stop c -k',
  '@start c -s lxc.nosuch=defined',
  '@start c -p $DIR/pid; test -s $DIR/pid && echo there; @stop c -k; sleep 0.2; test -e $DIR/pid || echo gone',
  '@start c -- /bin/sleep 100; @attach c -- cat /proc/1/comm; @stop c -k',
  '@start c -F -- /bin/sh -c "exit 3" </dev/null',
  '@start c -f /nosuch',
  '@start volatile -f $DIR/c/config; @info volatile -sH; @ls -1; @stop volatile -k; @ls -1',
  '@start c -c /nosuch/console; @stop c -k',
  '@start c -L $DIR/console.log; sleep 1; @stop c -k; test -s $DIR/console.log && echo logged',
  '@start c --share-net nosuch',
)

const DESTROY = rows(
  '@start c; @destroy c; @info c -sH',
  '@stop c -k; mkdir $DIR/c/snaps $DIR/c/snaps/snap0; @destroy c; @info c -sH',
  'rm -r $DIR/c/snaps; printf "%s\\nx\\n" $DIR > $DIR/c/lxc_snapshots; @destroy c; @info c -sH',
  'rm $DIR/c/lxc_snapshots; mkdir $DIR/c/snaps; @destroy c; @info c; ls $DIR',
  '@start s; @destroy -f s; @info s; ls $DIR',
  '@start badkey',
  '@destroy badkey',
  { line: '@info badkey', why: 'a mistake in the configuration does not hide what there is', own: { code: 0 } },
  { line: '@ls -1', why: 'nor from the list', own: { stdout: expect.stringContaining('badkey') as string } },
)

describe.skipIf(noParity() !== null)('the same as real LXC', () => {
  let pair: Pair

  beforeAll(async () => {
    pair = await makePair()
    pair.define('c', CONFIG.replaceAll('NAME', 'c'))
    pair.define('e', CONFIG.replaceAll('NAME', 'e').replace(/lxc.(group|start).*/g, ''))
    pair.define('s', `${CONFIG.replaceAll('NAME', 's').replace(/lxc.(group|start).*/g, '')}lxc.init.cmd = /stubborn\n`)
    pair.put('s', 'stubborn', '#!/bin/sh\ntrap : USR1 TERM\nwhile :; do sleep 1; done\n')
    pair.define('a-long-name', 'lxc.rootfs.path = dir:$DIR/nosuch\nlxc.uts.name = a\nlxc.group = g3\nlxc.start.auto = 1\nlxc.start.order = 3\n', { rootfs: false })
    pair.define('b2', 'lxc.rootfs.path = dir:$DIR/nosuch\nlxc.uts.name = b\nlxc.start.auto = 1\nlxc.idmap = u 0 100000 65536\nlxc.idmap = g 0 100000 65536\n', { rootfs: false })
    pair.define('B1', 'lxc.rootfs.path = dir:$DIR/nosuch\nlxc.uts.name = b\n', { rootfs: false })
    pair.define('noinit', 'lxc.rootfs.path = dir:$DIR/c/rootfs\nlxc.init.cmd = /nosuch/init\nlxc.net.0.type = empty\n', { rootfs: false })
    pair.define('norootfs', 'lxc.rootfs.path = dir:$DIR/nosuch\nlxc.net.0.type = empty\n', { rootfs: false })
  })
  afterAll(async () => {
    await pair.dispose()
  })

  const compare = (row: Row): Promise<void> => pair.compare(row)

  describe('a container that does not exist', () => test.each(NO_CONTAINER)('$line', compare))
  describe('stopped', () => test.each(STOPPED)('$line', compare))
  describe('running', () => {
    beforeAll(() => compare({ line: '@start c' }))
    test.each(STATES_OF_LIFE)('$line', compare)
    describe('attach', () => test.each(ATTACH)('$line', compare))
    describe('cgroup', () => test.each(CGROUP)('$line', compare))
    describe('console', () => test.each(CONSOLE)('$line', compare))
  })
  describe('frozen', () => {
    beforeAll(() => compare({ line: '@freeze c' }))
    test.each([...rows('@freeze c'), ...STATES_OF_LIFE, ...rows('@unfreeze c', '@unfreeze c', '@info c -sH')])('$line', compare)
  })
  describe('stop', () => test.each(STOP)('$line', compare))
  describe('start', () => test.each(START)('$line', compare))
  describe('execute', () => test.each(EXECUTE)('$line', compare))
  describe('monitor', () => {
    // LXC tells some changes twice (tool and monitor), hence uniq; and a freeze of it right after a start can hang, hence sleep.
    const life = '@start c; sleep 1; @freeze c; @unfreeze c; @stop c -r -t 10; @stop c -t 10; @start c; @stop c -k; @start c; sleep 1; @freeze c; @stop c -k; @start c -- /bin/sh -c "sleep 0.2; exit 3"; @wait c -s STOPPED -t 5; @start noinit'
    test.each(rows(`@monitor -n c > $DIR/lines & sleep 1; ${life}; sleep 0.5; kill -TERM $!; wait $! 2>/dev/null; uniq $DIR/lines`))('a whole life', compare)
    test.each(rows(...['INT', 'TERM', 'HUP'].map((signal) => `timeout --preserve-status -s ${signal} 1 @monitor`), '@monitor -n "["', '@monitor -Q'))('$line', compare)
  })
  describe('destroy', () => {
    beforeAll(() => pair.define('badkey', 'lxc.rootfs.path = dir:$DIR/c/rootfs\nlxc.nosuch = 1\n', { rootfs: false }))
    test.each(DESTROY)('$line', compare)
  })
})
