/**
 * Names in an image are bytes; here they are strings of one character a byte (latin1), relative to the root of a tree, which is ''. Nothing
 * else may be done with them than to compare them and to make paths of them, by at().
 */

/** The path of a name below a directory of ours, for node:fs. */
export function at(directory: string, path: string): Buffer {
  return path === '' ? Buffer.from(directory) : Buffer.concat([Buffer.from(`${directory}/`), Buffer.from(path, 'latin1')])
}

export function below(path: string, name: string): string {
  return path === '' ? name : `${path}/${name}`
}

/** '' for what lies in the root, and for the root itself. */
export function parentOf(path: string): string {
  return path.slice(0, Math.max(0, path.lastIndexOf('/')))
}

/** All directories above a path, the root first. */
export function ancestorsOf(path: string): string[] {
  const parts = path.split('/')
  return parts.map((_, count) => parts.slice(0, count).join('/'))
}

/** For messages: no control characters, not longer than a line. */
export function shownName(path: string): string {
  return Buffer.from(path, 'latin1').toString('utf8').replace(/\p{Cc}/gu, '?').slice(0, 200)
}
