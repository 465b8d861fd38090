/** templates/lib/network.sh and console.sh: what they write for each kind of system. */
import { existsSync, lstatSync, mkdirSync, readFileSync, readlinkSync, statSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { libraryBench, type LibraryBench } from '../../../helpers/template-library.ts'

let bench: LibraryBench
beforeEach(() => (bench = libraryBench()))
afterEach(() => bench.remove())
const target = (path: string): string => readlinkSync(join(bench.rootfs, path))
/** The library renders by the executable, as built. */
const fromBuild = { TLXC_TEMPLATE_LIB: join(import.meta.dirname, '../../../../build/prefix/share/tlxc/templates') }
const ok = (lines: string): Promise<string> => bench.ok(`template_dir=$TLXC_TEMPLATE_LIB\n${lines}`, fromBuild)

describe('units', () => {
  test('are enabled as systemctl does it, and masked', async () => {
    bench.put('usr/lib/systemd/system/a.service', '[Unit]\nWantedBy=no\n[Install]\nWantedBy=x.target y.target\nRequiredBy=z.target\nAlias=b.service\n[Other]\nAlias=no\n')
    symlinkSync('usr/lib', join(bench.rootfs, 'lib'))
    await ok('enable_unit a.service; mask_unit c.service')
    for (const link of ['x.target.wants/a.service', 'y.target.wants/a.service', 'z.target.requires/a.service', 'b.service']) {
      expect(target(`etc/systemd/system/${link}`)).toBe('/usr/lib/systemd/system/a.service')
    }
    expect(existsSync(join(bench.rootfs, 'etc/systemd/system/no'))).toBe(false)
    expect(target('etc/systemd/system/c.service')).toBe('/dev/null')
    expect((await bench.sh('enable_unit none.service')).code).toBe(1)
  })
})

describe('network', () => {
  test('networkd with resolved', async () => {
    for (const unit of ['networkd', 'resolved']) bench.put(`lib/systemd/system/systemd-${unit}.service`, '[Install]\nWantedBy=multi-user.target\n')
    await ok('network_networkd')
    expect(bench.text('etc/systemd/network/80-tlxc.network')).toContain('\nDHCP=yes\n')
    expect(target('etc/systemd/system/multi-user.target.wants/systemd-networkd.service')).toBe('/lib/systemd/system/systemd-networkd.service')
    expect(target('etc/resolv.conf')).toBe('../run/systemd/resolve/stub-resolv.conf')
  })

  test('without networkd: an error, not a container without an address', async () => {
    const said = await bench.sh('template_dir=$TLXC_TEMPLATE_LIB\nnetwork_networkd', fromBuild)
    expect(said.code).toBe(1)
    expect(said.stderr).toContain('systemd-networkd is not in the container')
  })

  test('ifupdown, ifcfg, NetworkManager', async () => {
    bench.put('usr/lib/systemd/system/NetworkManager.service', '[Install]\nWantedBy=multi-user.target\n')
    await ok('network_ifupdown; network_ifcfg; network_networkmanager')
    expect(bench.text('etc/network/interfaces')).toContain('iface eth0 inet dhcp')
    expect(bench.text('etc/sysconfig/network-scripts/ifcfg-eth0')).toMatch(/^BOOTPROTO=dhcp$/m)
    expect(bench.text('etc/NetworkManager/system-connections/eth0.nmconnection')).toContain('method=auto')
    expect(statSync(join(bench.rootfs, 'etc/NetworkManager/system-connections/eth0.nmconnection')).mode & 0o777).toBe(0o600)
  })
})

describe('console', () => {
  test('systemd: no getty@tty1, which wants /dev/tty0; securetty and pam_loginuid let root in', async () => {
    mkdirSync(join(bench.rootfs, 'etc/systemd/system/getty.target.wants'), { recursive: true })
    symlinkSync('/lib/systemd/system/getty@.service', join(bench.rootfs, 'etc/systemd/system/getty.target.wants/getty@tty1.service'))
    bench.put('etc/securetty', 'tty1\n')
    bench.put('etc/pam.d/login', '#%PAM-1.0\nauth required pam_unix.so\nsession    required     pam_loginuid.so\n')
    bench.put('etc/pam.d/sshd', 'session required pam_loginuid.so\n')
    symlinkSync('/etc/passwd', join(bench.rootfs, 'etc/pam.d/link'))
    await ok('console_systemd; console_systemd; allow_root_on_console; allow_root_on_console')
    expect(existsSync(join(bench.rootfs, 'etc/systemd/system/getty.target.wants/getty@tty1.service'))).toBe(false)
    expect(bench.text('etc/securetty').split('\n').filter((line) => line === 'console')).toHaveLength(1)
    expect(bench.text('etc/pam.d/login')).toMatch(/^#%PAM-1.0\nauth sufficient pam_succeed_if.so quiet user = root tty in console:.*\nauth required pam_unix.so\nsession {4}optional {5}pam_loginuid.so\n$/)
    expect(bench.text('etc/pam.d/sshd')).toBe('session optional pam_loginuid.so\n')
    expect(lstatSync(join(bench.rootfs, 'etc/pam.d/link')).isSymbolicLink()).toBe(true)
  })

  test('sysvinit: logins on what there is, and halt and reboot as the host says them', async () => {
    bench.put('etc/inittab', 'id:2:initdefault:\nca:12345:ctrlaltdel:/sbin/shutdown -t1 -a -r now\npf::powerwait:/etc/init.d/powerfail start\n1:2345:respawn:/sbin/getty --noclear 38400 tty1\n6:23:respawn:/sbin/getty 38400 tty6\n#T0:23:respawn:/sbin/getty -L ttyS0 9600 vt100\n')
    await ok('console_sysvinit')
    const inittab = bench.text('etc/inittab')
    expect(inittab.match(/^[^#].*getty.*$/gm)).toHaveLength(5)
    expect(inittab).toMatch(/^c0:.*console linux$/m)
    expect(inittab).not.toMatch(/^[^#].*tty6|powerwait|shutdown/m)
    expect(inittab).toContain('id:2:initdefault:\n')
    expect(inittab).toContain('p0::powerfail:/sbin/init 0\n')
  })

  test('files that a distribution has in /usr are copied to /etc, where they count, and changed there', async () => {
    bench.put('usr/lib/systemd/system/x.service', '')
    bench.put('usr/etc/securetty', 'tty1\n')
    bench.put('usr/lib/pam.d/login', '#%PAM-1.0\nauth required pam_unix.so\nsession required pam_loginuid.so\n')
    await bench.ok('console_systemd; allow_root_on_console')
    expect(bench.text('etc/securetty').split('\n')).toEqual(expect.arrayContaining(['tty1', 'console']))
    expect(bench.text('etc/pam.d/login')).toMatch(/^#%PAM-1.0\nauth sufficient pam_succeed_if.so .*\nauth required pam_unix.so\nsession optional pam_loginuid.so\n$/)
    expect(bench.text('usr/lib/pam.d/login')).toContain('session required')
    bench.put('etc/pam.d/login', 'mine\n')
    await bench.ok('console_systemd')
    expect(bench.text('etc/pam.d/login')).toBe('mine\n')
  })

  test('busybox: five gettys; root without a password by what getty calls', async () => {
    bench.put('etc/inittab', '::sysinit:/sbin/openrc sysinit\ntty1::respawn:/sbin/getty 38400 tty1\nttyS0::respawn:/sbin/getty -L 0 ttyS0 vt100\n')
    await ok('console_busybox; allow_root_on_console')
    expect(bench.text('etc/inittab')).not.toContain('ttyS0')
    expect(bench.text('etc/inittab').match(/^(console|tty[1-4])::respawn:\/sbin\/getty -l \/sbin\/console-login -L 115200 \S+ linux$/gm)).toHaveLength(5)
    expect(bench.text('sbin/console-login')).toContain('exec login -f root')
    expect((await bench.sh('remove etc/inittab; allow_root_on_console')).code).toBe(1)
  })

  test('busybox: an inittab that is a link is replaced, not followed', async () => {
    const outside = join(bench.directory, 'precious')
    writeFileSync(outside, 'precious')
    mkdirSync(join(bench.rootfs, 'etc'))
    symlinkSync(outside, join(bench.rootfs, 'etc/inittab'))
    await ok('console_busybox')
    expect(readFileSync(outside, 'utf8')).toBe('precious')
    expect(bench.text('etc/inittab').split('\n')).toHaveLength(6)
  })
})
