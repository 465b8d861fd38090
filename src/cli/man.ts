/** Manual pages from the option tables, in man(7); src/dev/generate.ts writes them. Pure. */
import { RELEASED, VERSION } from '../version.ts'
import type { Command, Option } from './command.ts'
import { allOptions, isCommonOption } from './common-options.ts'
import { PROGRAMS } from './registry.ts'
import { optionForms, synopsis } from './usage.ts'

/** man/tlxc-NAME.1. */
export function renderManPage(command: Command): string {
  const program = `tlxc-${command.name}`
  const options = Object.entries(allOptions(command)).filter(([, option]) => !option.hidden)
  return page(program, [
    ['NAME', `${program} \\- ${text(command.summary)}`],
    ['SYNOPSIS', literal(synopsis(program, command))],
    ['DESCRIPTION', paragraphs(command.description)],
    ['OPTIONS', optionList(options.filter(([key]) => !isCommonOption(command, key)))],
    ['COMMON OPTIONS', optionList(options.filter(([key]) => isCommonOption(command, key)).map((row) => onlyOnce(row, command)))],
    ['EXAMPLES', command.examples.map((example) => tagged(literal(example.command), text(sentence(example.describe)))).join('\n')],
    ['EXIT STATUS', exitStatus(command)],
    ['FILES', FILES],
    ['SEE ALSO', seeAlso(command.name)],
  ])
}

/** man/tlxc.1: what the family is. */
export function renderOverviewPage(): string {
  const groups = [...new Set(PROGRAMS.map((program) => program.group))]
  const commands = groups.map((group) => {
    const rows = PROGRAMS.filter((program) => program.group === group)
    return `.SS ${group}\n${rows.map((row) => tagged(`\\fBtlxc\\-${row.name}\\fR(1)`, text(sentence(row.summary)))).join('\n')}`
  })
  return page('tlxc', [
    ['NAME', 'tlxc \\- system containers in the tradition of LXC'],
    ['SYNOPSIS', `${literal('tlxc COMMAND [OPTION...]')}\n.br\n${literal('tlxc-COMMAND [OPTION...]')}\n.br\n${literal('tlxc help [COMMAND]')}\n.br\n${literal('tlxc version')}`],
    ['DESCRIPTION', paragraphs(OVERVIEW)],
    ['COMMANDS', commands.join('\n')],
    ['ERRORS', paragraphs(ERRORS)],
    ['EXIT STATUS', text('0 on success, 1 on failure, 128+N when interrupted by signal N. A command with other codes says so in its page.')],
    ['ENVIRONMENT', tagged(literal('NO_COLOR'), 'When it is set, nothing is coloured. Colours are for terminals only.')],
    ['FILES', FILES],
    ['SEE ALSO', seeAlso('tlxc')],
  ])
}

const OVERVIEW = `tlxc runs system containers: a file tree with an init of its own, seen through Linux namespaces. There is no
daemon. Each container is a directory with one plain-text configuration, \`/var/lib/tlxc/NAME/config\`, in the keys of lxc.container.conf(5).

Options, text output and exit codes are those of LXC's tools; \`tlxc start c1\` and \`tlxc-start c1\` are the same. The first argument
that is not an option is the name of the container, unless -n gives it. Long options may be abbreviated as long as they stay
unambiguous, and \`--\` ends the options.

Commands that print something offer \`--json\`: one document that names its schema and the version of it, such as tlxc/info/1.
Fields may be added to a version; they are neither renamed nor removed.`

const ERRORS = `An error is one line, \`PROGRAM: NAME: cannot VERB OBJECT: REASON\`, mostly followed by a line \`PROGRAM: hint: ...\`
with the mend, both on standard error. With --json it is one JSON object on standard error, in one line:
\`{"schema":"tlxc/error/1","program":...,"name":...,"error":{"code":...,"message":...,"hint":...}}\`. Codes are stable, messages are not.
Standard output then holds no document.`

const FILES = [
  tagged('\\fI/var/lib/tlxc/NAME/config\\fR', 'The configuration of a container.'),
  tagged('\\fI/etc/tlxc/default.conf\\fR', 'The configuration that new containers begin with.'),
  tagged('\\fI/etc/tlxc/tlxc.conf\\fR', 'The configuration of tlxc itself, see \\fBtlxc\\-config\\fR(1).'),
].join('\n')

function page(name: string, sections: [string, string][]): string {
  const head = `.\\" Generated from src/cli by npm run generate; edits here are lost.\n.TH ${name.toUpperCase().replaceAll('-', '\\-')} 1 ${RELEASED} "tlxc ${VERSION}" "tlxc"`
  const filled = sections.filter(([, body]) => body !== '')
  return `${[head, ...filled.map(([title, body]) => `.SH ${title}\n${body}`)].join('\n')}\n`
}

function optionList(options: [string, Option][]): string {
  return options.map(([key, option]) => tagged(optionForms(key, option).map(literal).join(', '), text(optionText(option)))).join('\n')
}

/** -P collects, so that a second one can be refused where one only is meant. */
function onlyOnce([key, option]: [string, Option], command: Command): [string, Option] {
  return [key, { ...option, repeat: key === 'lxcpath' && command.manyPaths === true }]
}

function optionText(option: Option): string {
  const values = Array.isArray(option.complete) && !option.describe.includes(option.complete[0] ?? '') ? `One of ${option.complete.join(', ')}.` : ''
  const repeat = option.repeat && !/repeat|more than once|several/i.test(option.describe) ? 'May be given more than once.' : ''
  return [sentence(option.describe), values, repeat].filter((part) => part !== '').join(' ')
}

function exitStatus(command: Command): string {
  const codes: Record<number, string> = { 0: 'Success.', 1: 'Failure.', ...command.exitCodes }
  return Object.entries(codes)
    .map(([code, meaning]) => tagged(`\\fB${code}\\fR`, text(sentence(meaning))))
    .join('\n')
}

function seeAlso(self: string): string {
  const names = ['tlxc', ...PROGRAMS.map((program) => `tlxc-${program.name}`).sort()].filter((name) => name !== self && name !== `tlxc-${self}`)
  return names.map((name) => `.BR ${name.replaceAll('-', '\\-')} (1)`).join(',\n')
}

function tagged(tag: string, body: string): string {
  return `.TP\n${tag}\n${body}`
}

function paragraphs(prose: string): string {
  return prose
    .trim()
    .split(/\n\s*\n/)
    .map((paragraph) => text(paragraph.replace(/\s+/g, ' ').trim()))
    .join('\n.PP\n')
}

/** "wait T seconds" → "Wait T seconds." */
function sentence(words: string): string {
  const capital = words.charAt(0).toUpperCase() + words.slice(1)
  return /[.!?)]$/.test(capital) && !capital.endsWith(')') ? capital : `${capital}.`
}

/** Prose: `code` becomes bold; a new input line after each sentence, as man(7) wants. */
function text(prose: string): string {
  const marked = escape(prose).replace(/`([^`]*)`/g, (_, code: string) => `\\fB${code.replace(/(?<!\\)-/g, '\\-')}\\fR`)
  const minuses = marked.replace(/(^|[\s([])(--?)(?=[\w?])/g, (_, before: string, dashes: string) => before + dashes.replaceAll('-', '\\-'))
  return guardLines(minuses.replace(/([a-z)R][.!?]) (?=[A-Z])/g, '$1\n').split('\n').map(fold).join('\n'))
}

/** To be typed as it stands: bold, and every dash a minus. */
function literal(code: string): string {
  return guardLines(`\\fB${escape(code).replaceAll('-', '\\-')}\\fR`)
}

function escape(plain: string): string {
  return plain.replaceAll('\\', '\\e')
}

function fold(line: string): string {
  return line.replace(/(.{1,78})( |$)/g, '$1\n').trimEnd()
}

/** A line must not look like a request. */
function guardLines(lines: string): string {
  return lines.replace(/^([.'])/gm, '\\&$1')
}
