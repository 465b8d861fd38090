/** The completion script in a real bash, with the option tables of programs made up here. */
import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import { defineCommand, type Command } from '../../../src/cli/command.ts'
import { renderCompletion } from '../../../src/cli/completion.ts'

function command(name: string, more: Partial<Command> = {}): Command {
  return defineCommand({ name, summary: name, description: '', options: {}, examples: [], run: () => Promise.resolve(), ...more })
}

const COMMANDS = [
  command('stop', { options: { kill: { short: 'k', value: 'none', describe: '' }, secret: { value: 'none', describe: '', hidden: true } } }),
  command('start', { options: { rcfile: { short: 'f', value: 'required', complete: 'file', describe: '' } } }),
  command('destroy'),
  command('net', { nameMode: 'none', words: ['start', 'status', 'stop'] }),
  command('ls', { nameMode: 'none', json: true }),
  command('wait', { options: { state: { short: 's', value: 'required', complete: ['RUNNING', 'STOPPED'], describe: '' } } }),
]

const dir = mkdtempSync(join(tmpdir(), 'tlxc-test-'))
writeFileSync(join(dir, 'tlxc.bash'), renderCompletion(COMMANDS))
writeFileSync(join(dir, 'some-file'), '')
afterAll(() => {
  rmSync(dir, { recursive: true })
})

/** What is offered for a command line; the last word is the one being typed. tlxc-ls prints its arguments' meaning. */
function complete(...words: string[]): string[] {
  const script = `
    source ./tlxc.bash
    compopt() { :; }
    tlxc-ls() {
      local IFS=' '
      case "$*" in
        *--active*) echo running ;;
        *--stopped*) echo stopped ;;
        *"-P /srv"*) echo elsewhere ;;
        *) printf '%s\\n' running stopped ;;
      esac
    }
    COMP_WORDS=("$@") COMP_CWORD=$(($# - 1))
    _tlxc "$1"
    printf '%s\\n' "\${COMPREPLY[@]}"`
  const output = execFileSync('bash', ['-uc', script, 'bash', ...words], { cwd: dir, encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] })
  return output.split('\n').filter((line) => line !== '')
}

describe('bash completion', () => {
  it.each<[string[], string[]]>([
    [['tlxc', 'st'], ['start', 'stop']],
    [['tlxc', 'help', 'd'], ['destroy']],
    [['tlxc', 'stop', ''], ['running']],
    [['tlxc-stop', ''], ['running']],
    [['/usr/local/bin/tlxc-stop', 'ru'], ['running']],
    [['tlxc-stop', '-n', ''], ['running']],
    [['tlxc-stop', '--name', '=', 'r'], ['running']],
    [['tlxc-stop', '--name', '='], ['running']],
    [['tlxc-start', ''], ['stopped']],
    [['tlxc-destroy', ''], ['running', 'stopped']],
    [['tlxc-destroy', '-P', '/srv', ''], ['elsewhere']],
    [['tlxc-destroy', 'running', ''], []],
    [['tlxc-destroy', '-n', 'running', ''], []],
    [['tlxc-ls', ''], []],
    [['tlxc-net', 'st'], ['start', 'status', 'stop']],
    [['tlxc', 'net', 'sto'], ['stop']],
    [['tlxc-net', 'stop', ''], []],
    [['tlxc-ls', '--js'], ['--json']],
    [['tlxc-stop', '--k'], ['--kill']],
    [['tlxc-stop', '--se'], []],
    [['tlxc-wait', 'running', '-s', 'R'], ['RUNNING']],
    [['tlxc-wait', '--state', '=', ''], ['RUNNING', 'STOPPED']],
    [['tlxc-start', '-f', 'some'], ['some-file']],
    [['tlxc-wait', '-l', 'DE'], ['DEBUG']],
  ])('%j', (words, offered) => {
    expect(complete(...words)).toEqual(offered)
  })
})
