/** __image-helper: what the shell of the image templates leaves to TypeScript. Not for people. */
import { defineCommand, type Context, type ParsedArgs } from '../cli/command.ts'
import { TlxcError } from '../errors.ts'
import type { ImageSetup } from '../template/image/setup.ts'
import type { OciSetup } from '../template/oci/setup.ts'

const VERBS: Readonly<Record<string, (args: ParsedArgs, ctx: Context) => Promise<void>>> = {
  rows,
  streams,
  products,
  'meta-file': metaFile,
  setup,
  'oci-import': ociImport,
  'oci-blobs': ociBlobs,
  'oci-unpack': ociUnpack,
  'oci-setup': ociSetup,
}

export default defineCommand({
  name: '__image-helper',
  summary: 'read what image servers and images say, for templates',
  positionals: 'VERB [FILE...]',
  description: `What the image templates leave to it: ${Object.keys(VERBS).join(', ')}.`,
  nameMode: 'none',
  options: {
    meta: text('DIR', 'Unpacked metadata of an image'),
    mode: text('MODE', 'user or system: with ids of its own or without'),
    container: text('NAME', 'Name of the container'),
    path: text('DIR', 'Its directory'),
    rootfs: text('DIR', 'Its root file system'),
    arch: text('ARCH', 'Architecture; of OCI images in the words of Go'),
    dist: text('NAME', 'Distribution'),
    layout: text('DIR', 'Directory of an OCI layout'),
    blobs: text('DIR', 'Directory of its blobs'),
    store: text('DIR', 'Directory of the cache for blobs'),
    tag: text('TAG', 'Which image of the layout'),
    digest: text('DIGEST', 'Digest of a manifest'),
    image: text('NAME', 'What people call the image'),
    'no-devices': { value: 'none', describe: 'Leave device nodes out' },
    extra: { ...text('LINE', 'A further line of configuration'), repeat: true },
  },
  examples: [],
  async run(args, ctx) {
    const verb = args.positionals[0] ?? ''
    const perform = VERBS[verb]
    if (!perform) throw new TlxcError('USAGE', `unknown verb '${verb}'`, { hint: `verbs: ${Object.keys(VERBS).join(', ')}` })
    await perform(args, ctx)
  },
})

function text(argument: string, describe: string): { value: 'required'; argument: string; describe: string } {
  return { value: 'required', argument, describe }
}

/** Throws TlxcError USAGE when the option is missing. */
function need(args: ParsedArgs, key: string): string {
  const value = args.options[key]
  if (typeof value === 'string') return value
  throw new TlxcError('USAGE', `option --${key} is missing`)
}

function maybe(args: ParsedArgs, key: string): string {
  return typeof args.options[key] === 'string' ? need(args, key) : ''
}

function fileText(args: ParsedArgs, ctx: Context): string {
  const file = args.positionals[1]
  if (file === undefined) throw new TlxcError('USAGE', 'no file given')
  return ctx.host.fs.readFileSync(file, 'utf8')
}

async function rows(args: ParsedArgs, ctx: Context): Promise<void> {
  const { parseLxcIndex } = await import('../template/image/lxc-index.ts')
  const { rowsAsText } = await import('../template/image/row.ts')
  ctx.stdout.write(rowsAsText(parseLxcIndex(fileText(args, ctx))))
}

async function streams(args: ParsedArgs, ctx: Context): Promise<void> {
  const { parseStreamsIndex } = await import('../template/image/simplestreams.ts')
  ctx.stdout.write(parseStreamsIndex(fileText(args, ctx)).map((path) => `${path}\n`).join(''))
}

async function products(args: ParsedArgs, ctx: Context): Promise<void> {
  const { parseProducts } = await import('../template/image/simplestreams.ts')
  const { rowsAsText } = await import('../template/image/row.ts')
  ctx.stdout.write(rowsAsText(parseProducts(fileText(args, ctx))))
}

async function metaFile(args: ParsedArgs, ctx: Context): Promise<void> {
  const { metaFile: read } = await import('../template/image/setup.ts')
  const name = args.positionals[1] ?? ''
  ctx.stdout.write(read(ctx.host, need(args, 'meta'), name, need(args, 'mode') === 'user' ? 'user' : 'system') ?? '')
}

async function setup(args: ParsedArgs, ctx: Context): Promise<void> {
  const { setUpImage } = await import('../template/image/setup.ts')
  const wanted: ImageSetup = {
    meta: need(args, 'meta'), name: need(args, 'container'), path: need(args, 'path'), rootfs: need(args, 'rootfs'), arch: need(args, 'arch'), dist: maybe(args, 'dist'),
  }
  const { dropped, message } = setUpImage(ctx.host, wanted)
  warn(ctx, dropped)
  if (message.trim() !== '' && ctx.stdout.isTTY) ctx.stdout.write(`\n---\n${message.trimEnd()}\n`)
}

async function ociImport(args: ParsedArgs, ctx: Context): Promise<void> {
  const { importImage } = await import('../template/oci/blobs.ts')
  const tag = args.options['tag']
  const digest = await importImage(ctx.host, {
    layout: need(args, 'layout'), blobs: need(args, 'blobs'), store: need(args, 'store'), architecture: need(args, 'arch'), name: need(args, 'image'),
    tag: typeof tag === 'string' ? tag : null,
  })
  ctx.stdout.write(`${digest}\n`)
}

/** Names of all files that the image has in the store. */
async function ociBlobs(args: ParsedArgs, ctx: Context): Promise<void> {
  const { blobPath, readManifest } = await import('../template/oci/blobs.ts')
  const [store, digest] = [need(args, 'store'), need(args, 'digest')]
  const { config, layers } = readManifest(ctx.host, store, digest, need(args, 'image'))
  const names = [digest, config.digest, ...layers.map((layer) => layer.digest)].map((blob) => blobPath(store, blob).slice(store.length + 1))
  ctx.stdout.write(names.map((name) => `${name}\n`).join(''))
}

async function ociUnpack(args: ParsedArgs, ctx: Context): Promise<void> {
  const { layersOf, unpackMerged } = await import('../template/oci/image.ts')
  const image = { store: need(args, 'store'), digest: need(args, 'digest'), name: need(args, 'image') }
  await unpackMerged(ctx.host, image, await layersOf(ctx.host, image), need(args, 'rootfs'), { devices: args.options['no-devices'] !== true, signal: ctx.signal })
}

async function ociSetup(args: ParsedArgs, ctx: Context): Promise<void> {
  const { setUpOci } = await import('../template/oci/setup.ts')
  const { extra } = args.options
  const wanted: OciSetup = {
    store: need(args, 'store'), digest: need(args, 'digest'), name: need(args, 'image'), container: need(args, 'container'), path: need(args, 'path'),
    rootfs: need(args, 'rootfs'), arch: need(args, 'arch'), extra: Array.isArray(extra) ? extra : [],
  }
  warn(ctx, await setUpOci(ctx.host, wanted))
}

function warn(ctx: Context, dropped: readonly string[]): void {
  const unique = [...new Set(dropped.map((key) => key.replace(/\p{Cc}/gu, ' ')))]
  if (unique.length > 0) ctx.stderr.write(`tlxc: of the image's configuration, not taken over: ${unique.join(', ')}\n`)
}
