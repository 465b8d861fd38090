import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { ConfigDocument } from '../../../src/config/document.ts'
import { lex } from '../../../src/config/lexer.ts'
import { TlxcError } from '../../../src/errors.ts'
import { corpus } from './corpus.ts'

const edit = (text: string, change: (document: ConfigDocument) => void): string => {
  const document = ConfigDocument.parse(text)
  change(document)
  return document.toString()
}

/** Text that looks like a configuration often enough. */
const configText = fc
  .array(fc.oneof(fc.constantFrom('lxc.', 'tlxc.', 'uts.name', '=', ' ', '\t', '\r\n', '\n', '\r', '#', '"', "'", 'x', '\0', '\v'), fc.string()))
  .map((parts) => parts.join(''))

describe('lexer', () => {
  it('gives every byte back', () => {
    for (const { file, text } of corpus()) expect(ConfigDocument.parse(text).toString(), file).toBe(text)
    fc.assert(fc.property(configText, (text) => ConfigDocument.parse(text).toString() === text))
  })

  it('puts a pair together from its parts', () => {
    fc.assert(
      fc.property(configText, (text) =>
        lex(text).every(({ text: whole, pair }) => !pair || pair.indent + pair.key + pair.operator + pair.raw + pair.tail === whole),
      ),
    )
  })

  it.each([
    ['lxc.uts.name=a', 'a'],
    ['\t lxc.uts.name \t= \ta b \t', 'a b'],
    ['lxc.uts.name = "a b"', 'a b'],
    ["lxc.uts.name = ' a '", ' a '],
    ['lxc.uts.name = \'"a"\'', '"a"'],
    ["lxc.uts.name = 'a", "'a"],
    ['lxc.uts.name = "', '"'],
    ['lxc.uts.name = \'a"', '\'a"'],
    ['lxc.uts.name = a#b # c', 'a#b # c'],
    ['lxc.uts.name = a=b', 'a=b'],
    ["lxc.uts.name = ''", ''],
    ['lxc.uts.name =', ''],
    ['lxc.uts.name = a\r', 'a'],
  ])('reads %j as LXC does', (line, value) => {
    expect(ConfigDocument.parse(line).values('lxc.uts.name')).toEqual([value])
  })

  it.each([
    ['# lxc.a = b', 'comment'],
    [' \t# x', 'comment'],
    [' \t', 'blank'],
    ['lxc = 1', 'foreign'],
    ['LXC.a = 1', 'foreign'],
    ['; x', 'foreign'],
    ['lxc.tty.max', 'broken'],
    ['tlxc.x = 1', 'pair'],
  ])('knows %j for %s', (line, kind) => {
    expect(lex(line)[0]?.kind).toBe(kind)
  })
})

describe('edits', () => {
  it('keeps everything but the value', () => {
    const text = '# top\r\n  lxc.uts.name\t=  "a"  \r\n\r\nlxc.tty.max=4'
    expect(edit(text, (document) => document.set('lxc.uts.name', 'b c'))).toBe('# top\r\n  lxc.uts.name\t=  "b c"  \r\n\r\nlxc.tty.max=4')
    expect(edit(text, (document) => document.set('lxc.tty.max', '5'))).toBe('# top\r\n  lxc.uts.name\t=  "a"  \r\n\r\nlxc.tty.max=5')
  })

  it('replaces the last of several, appends when there is none', () => {
    expect(edit('lxc.group = a\nlxc.group = b\n', (document) => document.set('lxc.group', 'c'))).toBe('lxc.group = a\nlxc.group = c\n')
    expect(edit('lxc.group = a', (document) => document.set('lxc.ephemeral', '1'))).toBe('lxc.group = a\nlxc.ephemeral = 1\n')
    expect(edit('a\r\nb', (document) => document.append('lxc.ephemeral', '1'))).toBe('a\r\nb\r\nlxc.ephemeral = 1\r\n')
    expect(edit('', (document) => document.append('lxc.ephemeral', '1'))).toBe('lxc.ephemeral = 1\n')
  })

  it('writes a blank after the operator of a cleared key', () => {
    expect(edit('lxc.group =\n', (document) => document.set('lxc.group', 'a'))).toBe('lxc.group = a\n')
    expect(edit('lxc.group=\n', (document) => document.set('lxc.group', 'a'))).toBe('lxc.group=a\n')
  })

  it('removes and prepends lines', () => {
    expect(edit('# x\nlxc.group = a\ny\nlxc.group = b', (document) => document.remove('lxc.group'))).toBe('# x\ny\n')
    expect(edit('lxc.group = a\r\n', (document) => document.prepend(['# one', '# two']))).toBe('# one\r\n# two\r\nlxc.group = a\r\n')
    expect(edit('', (document) => document.prepend(['# one']))).toBe('# one\n')
  })

  it('reads back whatever was set, in a line of its own', () => {
    const value = fc.string().filter((text) => !/[\n\r\0]/.test(text))
    fc.assert(
      fc.property(configText, value, (text, wanted) => {
        const document = ConfigDocument.parse(text)
        const before = document.pairs().filter(({ key }) => key !== 'lxc.uts.name')
        document.set('lxc.uts.name', wanted)
        const again = ConfigDocument.parse(document.toString())
        expect(again.values('lxc.uts.name').at(-1)).toBe(wanted)
        expect(again.pairs().filter(({ key }) => key !== 'lxc.uts.name').map(({ key }) => key)).toEqual(before.map(({ key }) => key))
      }),
    )
  })

  it.each(['a\nlxc.hook.start = /bin/evil', 'a\rb', 'a\0b'])('refuses %j, which would smuggle in a line', (value) => {
    expect(() => ConfigDocument.parse('').append('lxc.uts.name', value)).toThrow(TlxcError)
    expect(() => ConfigDocument.parse('lxc.uts.name = x').set('lxc.uts.name', value)).toThrow(/line break/)
  })
})
