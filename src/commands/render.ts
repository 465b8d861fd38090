/** __render FILE.hbs [KEY=VALUE...]: how the shell templates get text out of their Handlebars files. Not for people. */
import { defineCommand } from '../cli/command.ts'
import { TlxcError } from '../errors.ts'
import { renderPath } from '../template/render.ts'

export default defineCommand({
  name: '__render',
  summary: 'render a file for a template',
  positionals: 'FILE [KEY=VALUE...]',
  description: 'Prints FILE, a Handlebars template, with these values. An empty value is false to {{#if}}.',
  nameMode: 'none',
  options: {},
  examples: [],
  async run(args, ctx) {
    const [file, ...pairs] = args.positionals
    if (file === undefined) throw new TlxcError('USAGE', 'no file to render')
    ctx.stdout.write(await renderPath(ctx.host, file, Object.fromEntries(pairs.map(pairOf))))
  },
})

/** Text of one line: with a line break in it a value could add lines of its own to a configuration. */
function pairOf(pair: string): [string, string] {
  const at = pair.indexOf('=')
  if (at <= 0) throw new TlxcError('USAGE', `"${pair}" is no KEY=VALUE`)
  if (/[\0\n\r]/.test(pair)) throw new TlxcError('USAGE', `the value of "${pair.slice(0, at)}" has a line break`)
  return [pair.slice(0, at), pair.slice(at + 1)]
}
