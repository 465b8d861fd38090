/**
 * A mirror of Alpine's layout and format, small and signed: index and packages are rows of gzip members with RSA signatures. Alpine's apk
 * itself is on no Debian mirror: the apk.static in it is a stand-in, which does not resolve or verify; what it installs is a busybox with
 * Alpine's file names. All that the template does by itself (index, signatures, keys, checksums) is on the real formats.
 */
import { spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { chmodSync, copyFileSync, mkdirSync, readFileSync, readdirSync, symlinkSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'

export const KEY = 'test@example.org-0000.rsa.pub'

function sh(command: string, ...args: string[]): string {
  const result = spawnSync(command, args, { encoding: 'utf8' })
  if (result.status !== 0) throw new Error(`${command} ${args.join(' ')}: ${result.stderr}`)
  return result.stdout
}

/** Makes below `directory`: key, KEY, and www/stable/main/ARCH/. */
export function makeAlpineMirror(directory: string, arch: string): void {
  const repository = join(directory, 'www/stable/main', arch)
  mkdirSync(repository, { recursive: true })
  sh('openssl', 'genrsa', '-out', join(directory, 'key'), '2048')
  mkdirSync(join(directory, 'keys'))
  sh('openssl', 'rsa', '-in', join(directory, 'key'), '-pubout', '-out', join(directory, 'keys', KEY))
  const packages = { 'apk-tools-static': staticTree(join(directory, 'static')), 'alpine-base': baseTree(join(directory, 'base')) }
  let index = ''
  for (const [name, tree] of Object.entries(packages)) {
    const data = gzipTar(directory, tree, readdirSync(tree))
    writeFileSync(join(directory, '.PKGINFO'), `pkgname = ${name}\npkgver = 1-r0\ndatahash = ${createHash('sha256').update(data).digest('hex')}\n`)
    const control = gzipTar(directory, directory, ['.PKGINFO'], true)
    writeFileSync(join(repository, `${name}-1-r0.apk`), Buffer.concat([signature(directory, control), control, data]))
    index += `C:Q1${createHash('sha1').update(control).digest('base64')}\nP:${name}\nV:1-r0\nA:${arch}\n\n`
  }
  writeFileSync(join(directory, 'APKINDEX'), index)
  const body = gzipTar(directory, directory, ['APKINDEX'])
  writeFileSync(join(repository, 'APKINDEX.tar.gz'), Buffer.concat([signature(directory, body), body]))
}

/** cut: without the zero blocks at its end, since more of the same archive follows. */
function gzipTar(directory: string, from: string, names: readonly string[], cut = false): Buffer {
  const file = join(directory, 'segment.tar')
  sh('tar', '--create', '--format=pax', '--numeric-owner', '--owner=0', '--group=0', '--blocking-factor=1', '--file', file, '-C', from, ...names)
  const tar = readFileSync(file)
  const end = cut ? tar.length - 1024 : tar.length
  writeFileSync(file, tar.subarray(0, end))
  sh('gzip', '--force', '--no-name', file)
  return readFileSync(`${file}.gz`)
}

function signature(directory: string, signed: Buffer): Buffer {
  const name = `.SIGN.RSA.${KEY}`
  writeFileSync(join(directory, 'signed'), signed)
  sh('openssl', 'dgst', '-sha1', '-sign', join(directory, 'key'), '-out', join(directory, name), join(directory, 'signed'))
  return gzipTar(directory, directory, [name], true)
}

function put(tree: string, path: string, text: string, mode = 0o644): void {
  mkdirSync(dirname(join(tree, path)), { recursive: true })
  writeFileSync(join(tree, path), text)
  chmodSync(join(tree, path), mode)
}

function staticTree(tree: string): string {
  put(tree, 'sbin/apk.static', `#!/bin/sh
set -eu
echo "$@" >&2
while [ $# -gt 0 ]; do case $1 in
  --root) root=$2; shift ;; --arch) arch=$2; shift ;; --keys-dir) keys=$2; shift ;; --repositories-file) read -r main <"$2"; shift ;;
  --*) ;; add) shift; break ;; esac; shift; done
ls "$keys"/*.rsa.pub >/dev/null
for name; do
  curl -sf "$main/$arch/$name-1-r0.apk" | tar -xzi -C "$root" --exclude=.PKGINFO --exclude='.SIGN.*' || { echo "ERROR: $name (no such package)"; exit 1; }
done
`, 0o755)
  return tree
}

function baseTree(tree: string): string {
  for (const directory of ['bin', 'sbin', 'usr/bin', 'usr/sbin', 'etc/network', 'dev', 'proc', 'sys', 'run', 'root', 'tmp', 'var/log', 'var/run']) mkdirSync(join(tree, directory), { recursive: true })
  copyFileSync('/bin/busybox', join(tree, 'bin/busybox'))
  chmodSync(join(tree, 'bin/busybox'), 0o755)
  for (const applet of sh('busybox', '--list-full').split('\n')) {
    if (/^(bin|sbin|usr\/bin|usr\/sbin)\/[^/]+$/.test(applet) && applet !== 'bin/busybox') symlinkSync('/bin/busybox', join(tree, applet))
  }
  put(tree, 'etc/passwd', 'root:x:0:0:root:/root:/bin/sh\n')
  put(tree, 'etc/shadow', 'root:*::0:::::\n', 0o640)
  put(tree, 'etc/group', 'root:x:0:root\ntty:x:5:\n')
  put(tree, 'etc/inittab', '::sysinit:/sbin/openrc sysinit\n::sysinit:/sbin/openrc boot\n::wait:/sbin/openrc default\ntty1::respawn:/sbin/getty 38400 tty1\ntty6::respawn:/sbin/getty 38400 tty6\n')
  put(tree, 'sbin/openrc', '#!/bin/sh\nexport PATH=/sbin:/bin:/usr/sbin:/usr/bin\nfor s in /etc/runlevels/$1/*; do [ -x "$s" ] && "$s" start; done\nexit 0\n', 0o755)
  put(tree, 'etc/init.d/hostname', '#!/bin/sh\nhostname -F /etc/hostname\n', 0o755)
  put(tree, 'etc/init.d/networking', '#!/bin/sh\nmkdir -p /run /var/run\nifup -a\n', 0o755)
  put(tree, 'usr/share/udhcpc/default.script', '#!/bin/sh\ncase $1 in\nbound|renew) ip addr replace "$ip/${mask:-24}" dev "$interface" ;;\nesac\n', 0o755)
  mkdirSync(join(tree, 'etc/udhcpc'))
  symlinkSync('/usr/share/udhcpc/default.script', join(tree, 'etc/udhcpc/default.script'))
  return tree
}
