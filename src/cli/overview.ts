/** What `tlxc` alone says: every program by purpose. Pure. */
import { VERSION } from '../version.ts'
import { PROGRAMS, type Group } from './registry.ts'

export function renderOverview(family: string): string {
  const groups = [...new Set(PROGRAMS.map((program) => program.group))]
  return `${[
    `tlxc ${VERSION}: system containers without a daemon`,
    '',
    `Usage: ${family} COMMAND [OPTION...]   (${family}-COMMAND is the same)`,
    ...groups.flatMap(renderGroup),
    '',
    'To begin, as root:',
    `  ${family} create web -t busybox   a small system, made without network; -t debian: Debian`,
    `  ${family} start web`,
    `  ${family} attach web              a shell inside`,
    `  ${family} ls -f                   what there is, with states and addresses`,
    '',
    `${family} help COMMAND, or ${family} COMMAND --help, shows the options of one; man ${family === 'lxc' ? 'tlxc' : family} says more.`,
  ].join('\n')}\n`
}

function renderGroup(group: Group): string[] {
  const rows = PROGRAMS.filter((program) => program.group === group).map((program) => `  ${program.name.padEnd(13)}${program.summary}`)
  return ['', `${group}:`, ...rows]
}
