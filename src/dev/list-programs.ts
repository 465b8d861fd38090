/** Prints the programs of the registry for build.sh, one a line: its name, and what its link below PREFIX/bin points to. */
import { PROGRAMS } from '../cli/registry.ts'

const target = (bulk = false): string => (bulk ? '../lib/tlxc/tlxc' : '../libexec/tlxc/quick')

process.stdout.write(PROGRAMS.map(({ name, bulk }) => `${name} ${target(bulk)}\n`).join(''))
