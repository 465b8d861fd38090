/** A site's web server on loopback for the fixture of RPM packages: what was asked for, and the ways in which mirrors fail. */
import { execFileSync } from 'node:child_process'
import { createReadStream, readFileSync, statSync } from 'node:fs'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { repoRoot } from './e2e.ts'

/** Built once for all runs on this machine; made anew when its recipe changes. */
const fixture = '/var/cache/tlxc-e2e-rpm/fixture'

export interface SiteMirror {
  url: string
  /** Public key of the packages, and one that signed none of them. */
  key: string
  wrongKey: string
  /** Paths in the order in which they were asked for. */
  asked: string[]
  close(): void
}

/**
 * Serves test/fixtures/rpm (tree.sh lists its paths). Below /dead it takes requests and never answers; below /stuck it does so for
 * packages only; below /slow a package begins and never ends. Below /as-WORD it is a server like any other: for telling who asked.
 */
export async function siteMirror(): Promise<SiteMirror> {
  execFileSync('sh', [join(repoRoot, 'test/fixtures/rpm/build.sh'), fixture], { stdio: ['ignore', 'ignore', 'inherit'] })
  const asked: string[] = []
  const server = createServer((request, response) => answer(request, response, asked))
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    key: join(fixture, 'key'),
    wrongKey: join(fixture, 'wrong'),
    asked,
    close: () => {
      server.closeAllConnections()
      server.close()
    },
  }
}

function answer(request: IncomingMessage, response: ServerResponse, asked: string[]): void {
  const path = new URL(request.url ?? '/', 'http://site').pathname
  asked.push(path)
  const way = /^\/(dead|stuck|slow|as-\w+)(?=\/)/.exec(path)?.[1]
  const file = join(fixture, 'www', way === undefined ? path : path.slice(way.length + 1))
  if (way === 'dead' || (way === 'stuck' && file.endsWith('.rpm'))) return
  const size = sizeOf(file)
  if (size === undefined) {
    response.writeHead(404).end()
    return
  }
  response.writeHead(200, { 'content-length': size })
  if (way === 'slow' && file.endsWith('.rpm')) response.write(readFileSync(file).subarray(0, 4096))
  else createReadStream(file).pipe(response)
}

function sizeOf(file: string): number | undefined {
  const stat = statSync(file, { throwIfNoEntry: false })
  return stat?.isFile() === true ? stat.size : undefined
}
