/** templates/lib/fetch.sh against a real server on loopback that misbehaves in every way that mirrors do; by curl and by wget. */
import { createHash } from 'node:crypto'
import { existsSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import { createServer as createSecureServer } from 'node:https'
import type { AddressInfo } from 'node:net'
import { execFileSync } from 'node:child_process'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { libraryBench, type LibraryBench } from '../../../helpers/template-library.ts'

const body = Buffer.alloc(200_000, 'tlxc ')
const sha256 = createHash('sha256').update(body).digest('hex')
let bench: LibraryBench
let server: Server
let base = ''
const asked: string[] = []
/** How often /flaky broke already. */
let broken = 0

beforeAll(async () => {
  server = createServer(answer)
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  base = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
})
afterAll(() => server.close())
beforeEach(() => {
  bench = libraryBench()
  asked.length = broken = 0
})
afterEach(() => bench.remove())

function answer(request: IncomingMessage, response: ServerResponse): void {
  const { url = '', headers } = request
  asked.push(`${url} ${headers.range ?? ''}`.trim())
  const start = Number(/^bytes=(\d+)-$/.exec(headers.range ?? '')?.[1] ?? 0)
  if (url === '/gone') response.writeHead(404).end()
  else if (url === '/empty') response.end()
  else if (url === '/busy' && asked.length < 3) response.writeHead(503).end()
  else if (url === '/endless') response.writeHead(200).end(Buffer.alloc(3 << 20))
  else if (url === '/silent') response.writeHead(200, { 'content-length': body.length }).write('x')
  else if (url === '/away') response.writeHead(302, { location: '/whole' }).end()
  else if (url.startsWith('/to/')) response.writeHead(302, { location: decodeURIComponent(url.slice('/to/'.length)) }).end()
  else if (url === '/to-file') response.writeHead(302, { location: 'file:///etc/hostname' }).end()
  else if (url === '/unresumable' || start === 0) sendWhole(url, response)
  else if (start >= body.length) response.writeHead(416).end()
  else response.writeHead(206, { 'content-range': `bytes ${start}-${body.length - 1}/${body.length}`, 'content-length': body.length - start }).end(body.subarray(start))
}

function sendWhole(url: string, response: ServerResponse): void {
  response.writeHead(200, { 'content-length': body.length })
  if (url !== '/flaky' || broken++ > 0) response.end(body)
  else response.write(body.subarray(0, 70_000), () => response.destroy())
}

/** A PATH with everything but one program. */
function without(program: string): Record<string, string> {
  const bin = join(bench.directory, 'bin')
  mkdirSync(bin)
  for (const name of ['sh', 'sed', 'grep', 'cat', 'rm', 'mv', 'mktemp', 'tail', 'sleep', 'uname', 'dirname', 'sha256sum', 'tr', 'stat', 'curl', 'wget']) {
    if (name !== program) symlinkSync(execFileSync('which', [name], { encoding: 'utf8' }).trim(), join(bin, name))
  }
  return { BIN: bin }
}
/** library lines with a PATH of one's own: the library itself adds the usual places. */
const on = (lines: string): string => `[ -z "\${BIN:-}" ] || PATH=$BIN\nfetch_pause=0\n${lines}`

describe.each([['curl', 'wget'], ['wget', 'curl']])('by %s', (_program, other) => {
  const file = (): string => join(bench.directory, 'file')
  const fetch = (url: string, env: Record<string, string> = {}) => bench.sh(on(`fetch ${base}${url} ${file()}`), { ...without(other), ...env })

  test('a whole file, an empty one, a redirection', async () => {
    for (const url of ['/whole', '/away']) {
      expect((await fetch(url)).stderr).toBe('')
      expect(readFileSync(file()).equals(body)).toBe(true)
      bench.remove()
      bench = libraryBench()
    }
    expect((await fetch('/empty')).code).toBe(0)
    expect(readFileSync(file(), 'utf8')).toBe('')
  })

  test('what broke off is resumed', async () => {
    expect((await fetch('/flaky')).code).toBe(0)
    expect(readFileSync(file()).equals(body)).toBe(true)
    expect(asked[1]).toMatch(/^\/flaky bytes=[1-9]\d*-$/)
  })

  test('a part of an earlier run is resumed; one that was whole is no error', async () => {
    writeFileSync(`${file()}.part`, body.subarray(0, 1000))
    expect((await fetch('/whole')).code).toBe(0)
    expect(readFileSync(file()).equals(body)).toBe(true)
    bench.remove()
    bench = libraryBench()
    writeFileSync(`${file()}.part`, body)
    expect((await fetch('/whole')).code).toBe(0)
    expect(readFileSync(file()).equals(body)).toBe(true)
  })

  test('a part that is longer than the file is none of it: from the beginning', async () => {
    writeFileSync(`${file()}.part`, Buffer.alloc(body.length + 1))
    expect((await fetch('/whole')).stderr).toBe('')
    expect(readFileSync(file()).equals(body)).toBe(true)
  })

  test('what may not be large is not, whatever the server says of its size', async () => {
    const said = await bench.sh(on(`fetch_small 1 ${base}/endless ${file()}`), without(other))
    expect([said.code, said.stderr]).toEqual([1, expect.stringContaining(`cannot download ${base}/endless: write error: it is larger than 1 MiB`)])
    expect([existsSync(file()), existsSync(`${file()}.part`), asked.length]).toEqual([false, false, 1])
  })

  test('a redirection does not lead away from TLS', async () => {
    const [keyFile, certificate] = [join(bench.directory, 'key'), join(bench.directory, 'cert')]
    execFileSync('openssl', ['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-keyout', keyFile, '-out', certificate, '-subj', '/CN=localhost', '-addext', 'subjectAltName=IP:127.0.0.1'], { stdio: 'ignore' })
    const secure = createSecureServer({ key: readFileSync(keyFile), cert: readFileSync(certificate) }, (request, response) => {
      const home = `https://127.0.0.1:${(secure.address() as AddressInfo).port}/whole`
      if (request.url === '/whole') response.end(body)
      else response.writeHead(302, { location: request.url === '/home' ? home : request.url === '/away' ? `${base}/whole` : `${base}/to/${encodeURIComponent(home)}` }).end()
    })
    await new Promise<void>((resolve) => secure.listen(0, '127.0.0.1', resolve))
    try {
      const url = `https://127.0.0.1:${(secure.address() as AddressInfo).port}`
      writeFileSync(join(bench.directory, 'wgetrc'), `ca_certificate = ${certificate}\n`)
      const env = { ...without(other), CURL_CA_BUNDLE: certificate, WGETRC: join(bench.directory, 'wgetrc'), no_proxy: '127.0.0.1' }
      expect(await bench.sh(on(`fetch ${url}/whole ${file()}`), env)).toMatchObject({ code: 0, stderr: '' })
      expect(await bench.sh(on(`fetch ${url}/home ${file()}`), env)).toMatchObject({ code: 0, stderr: '' })
      // Whoever answers on the way could lead back to a server of theirs.
      for (const away of ['away', 'away-and-back']) {
        expect((await bench.sh(on(`fetch ${url}/${away} ${file()}.2`), env)).code).toBe(1)
        expect([existsSync(`${file()}.2`), existsSync(`${file()}.2.part`)]).toEqual([false, false])
      }
    } finally {
      secure.close()
    }
  })

  test('a file of this machine', async () => {
    writeFileSync(join(bench.directory, 'here'), body)
    expect(await bench.sh(on(`fetch file://${bench.directory}/here ${file()}`), without(other))).toMatchObject({ code: 0, stderr: '' })
    expect(readFileSync(file()).equals(body)).toBe(true)
    // What has_file (lib/rpm-source.sh) takes for "the mirror has no such file".
    expect((await bench.sh(on(`fetch file://${bench.directory}/none ${file()}`), { BIN: join(bench.directory, 'bin') })).stderr).toContain("Couldn't open")
  })

  test('a server that is busy is asked again; what is not there is not', async () => {
    expect((await fetch('/busy')).code).toBe(0)
    asked.length = 0
    const gone = await bench.sh(on(`fetch ${base}/gone ${file()}`), { BIN: join(bench.directory, 'bin') })
    expect(gone.code).toBe(1)
    expect(gone.stderr).toContain(`cannot download ${base}/gone: `)
    expect(gone.stderr).toContain('404')
    expect(asked).toEqual(['/gone'])
    expect(existsSync(`${file()}.part`)).toBe(false)
  })

  test('half-dead and refusing servers: an end, with URL and reason, and no file', async () => {
    const silent = await fetch('/silent', { TLXC_STALL_TIMEOUT: '1' })
    expect(silent.code).toBe(1)
    expect(silent.stderr).toContain(`cannot download ${base}/silent: `)
    const refused = await bench.sh(on(`fetch http://127.0.0.1:1/x ${file()}`), { BIN: join(bench.directory, 'bin') })
    expect(refused.stderr).toMatch(/cannot download http:\/\/127\.0\.0\.1:1\/x: .*(refused|connect|tried)/i)
    expect(existsSync(file())).toBe(false)
  })
})

test('a redirection does not lead to a file of this machine', async () => {
  const said = await bench.sh(`fetch ${base}/to-file ${bench.directory}/file`)
  expect(said.code).toBe(1)
  expect(existsSync(join(bench.directory, 'file'))).toBe(false)
})

test('fetch_checked: right, wrong, and a part of an older version', async () => {
  const file = join(bench.directory, 'file')
  expect((await bench.sh(`fetch_checked ${base}/whole ${file} sha256 ${sha256.toUpperCase()}`)).code).toBe(0)
  const wrong = await bench.sh(`fetch_checked ${base}/whole ${file} sha256 ${'0'.repeat(64)}`)
  expect(wrong.stderr).toContain(`cannot use ${base}/whole: its sha256 checksum is not`)
  expect(existsSync(file)).toBe(false)
  writeFileSync(`${file}.part`, 'older')
  expect((await bench.sh(`fetch_checked ${base}/whole ${file} sha256 ${sha256}`)).code).toBe(0)
  expect(readFileSync(file).equals(body)).toBe(true)
})

test('what is no URL', async () => {
  expect((await bench.sh('fetch /etc/passwd x')).stderr).toContain('cannot download /etc/passwd: this is no URL')
})
