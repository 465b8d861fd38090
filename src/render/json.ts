/** JSON that scripts can rely on: every document names its schema and the schema's version. Pure. */

/** Bumped when a field changes its meaning or goes away; new fields come without. One row for each document (src/render/schemas). */
const JSON_VERSION = 1

/** {"schema":"tlxc/KIND/1", ...data} and a newline; keys in the order of data. */
export function renderJson(kind: string, data: object): string {
  return `${JSON.stringify({ schema: `tlxc/${kind}/${String(JSON_VERSION)}`, ...data })}\n`
}
