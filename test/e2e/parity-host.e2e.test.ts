/** As parity.e2e.test.ts: creating containers, the system configuration, the check of the kernel. */
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, test } from 'vitest'
import { each, makePair, noParity, rows, type Pair, type Row } from '../helpers/parity.ts'

/** LXC's containers are privileged unless told otherwise. */
const CREATE = '[ $FAMILY = lxc ] || set -- --privileged; @create "$@" -f $SCRATCH/empty.conf'

const CREATES = rows(
  `${CREATE} new -t $SCRATCH/good -- one "two words" </dev/null`,
  'cat $DIR/new/args; ls -I storage.json $DIR/new $DIR/new/rootfs',
  'grep -v "^#" $DIR/new/config | grep .',
  'grep "^# Parameters" $DIR/new/config',
  '@info new; @ls -f new',
  `${CREATE} new -t $SCRATCH/good`,
  `${CREATE} fails -t $SCRATCH/bad; ls $DIR`,
  `${CREATE} missing -t $SCRATCH/nosuch; ls $DIR`,
  `${CREATE} missing -t nosuch; ls $DIR`,
  `${CREATE} bare -t none; ls $DIR/bare`,
  `${CREATE} -n named -t $SCRATCH/good >/dev/null; @info named -s`,
  `${CREATE} -q quiet -t $SCRATCH/good`,
  `${CREATE} storage -t $SCRATCH/good -B nosuch; ls $DIR`,
  `${CREATE} storage -t $SCRATCH/good -B dir >/dev/null; ls $DIR`,
  `${CREATE} dir -t $SCRATCH/good --dir relative; ls $DIR`,
  {
    line: `${CREATE} own -t $SCRATCH/good --dir $DIR/elsewhere >/dev/null; grep ^lxc.rootfs.path $DIR/own/config`,
    why: 'below --dir in a directory of its own, which others cannot enter',
    own: { stdout: 'lxc.rootfs.path = dir:LXCPATH/elsewhere/rootfs\n' },
  },
  { line: '@create noconf -t $SCRATCH/good -f /nosuch; ls -d $DIR/noconf; rm -rf $DIR/noconf', why: 'a configuration that is not there is an error', own: { stdout: '' } },
  '@destroy own; ls $DIR',
  ...each('@destroy %', 'new', 'bare', 'named', 'new'),
)

const CONFIG = rows(
  ...each('$TOOL-config %', '-l', 'lxc.cgroup.use', 'lxc.cgroup.pattern', 'lxc.bdev.lvm.vg', 'lxc.bdev.lvm.thin_pool', 'lxc.bdev.zfs.root'),
  { line: '$TOOL-config lxc.nosuch', why: 'errors go to standard error', own: { code: 1, stdout: '' } },
  { line: '$TOOL-config', why: 'so does what it would need', own: { code: 0, stdout: '' } },
  { line: '$TOOL-config lxc.lxcpath', mask: /^.*\/var\/lib/ },
  { line: '$TOOL-config lxc.default_config', mask: /^.*\/etc/ },
)

const CHECK = rows(
  '$TOOL-checkconfig | sed -e "/^--- Used by/,/^$/d" -e "s/^LXC version.*//" | grep -E "^(---|Note)"',
  '$TOOL-checkconfig | sed -e "/^--- Used by/,/^$/d" | grep -E "^[A-Z][A-Za-z0-9_ ()-]*: (enabled|missing|required)"',
)

describe.skipIf(noParity() !== null)('the same as real LXC on the host', () => {
  let pair: Pair
  const compare = (row: Row): Promise<void> => pair.compare(row)

  beforeAll(async () => {
    pair = await makePair()
    const take = 'for a; do case $a in --path=*) p=${a#*=};; --rootfs=*) r=${a#*=};; esac; done'
    writeFileSync(join(pair.scratch, 'good'), `#!/bin/sh\n${take}\nprintf '%s\\n' "$@" > $p/args\nmkdir -p $r/etc\necho lxc.uts.name = made >> $p/config\necho done\n`, { mode: 0o755 })
    writeFileSync(join(pair.scratch, 'bad'), `#!/bin/sh\n${take}\nmkdir -p $r/etc\necho half done\nexit 3\n`, { mode: 0o755 })
  })
  afterAll(async () => {
    await pair.dispose()
  })

  describe('create', () => test.each(CREATES)('$line', compare))
  describe('config', () => test.each(CONFIG)('$line', compare))
  describe('checkconfig', () => test.each(CHECK)('$line', compare))
})
