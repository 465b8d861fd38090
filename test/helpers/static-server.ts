/** A site mirror on loopback: the files below a directory, by HTTP, as any web server gives them. */
import { createReadStream, statSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join, normalize } from 'node:path'

export interface StaticServer {
  /** Without a slash at the end. */
  url: string
  /** Paths that were asked for. */
  asked: string[]
  close(): void
}

export async function serveDirectory(directory: string): Promise<StaticServer> {
  const asked: string[] = []
  const server = createServer((request, response) => {
    const path = normalize(decodeURIComponent(new URL(request.url ?? '/', 'http://x').pathname))
    asked.push(path)
    const file = join(directory, path)
    const found = statSync(file, { throwIfNoEntry: false })
    if (!found?.isFile()) {
      response.writeHead(404).end()
      return
    }
    response.writeHead(200, { 'content-length': found.size, 'last-modified': found.mtime.toUTCString() })
    if (request.method === 'HEAD') response.end()
    else createReadStream(file).pipe(response)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    asked,
    close: () => {
      server.closeAllConnections()
      server.close()
    },
  }
}
