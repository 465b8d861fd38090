/** Which modules and packages a file loads when it is loaded: its static imports and theirs. Type-only imports cost nothing. */
import { readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'

export interface ModuleGraph {
  /** Absolute paths, the file itself included. */
  modules: string[]
  /** Names of npm packages. */
  packages: string[]
  /** Bytes of source. */
  bytes: number
}

export function staticImports(...files: string[]): ModuleGraph {
  const modules = new Map<string, number>()
  const packages = new Set<string>()
  const queue = [...files]
  for (let file = queue.pop(); file !== undefined; file = queue.pop()) {
    if (modules.has(file)) continue
    const source = readFileSync(file, 'utf8')
    modules.set(file, source.length)
    for (const specifier of specifiersOf(source)) {
      if (specifier.startsWith('.')) queue.push(join(dirname(file), specifier))
      else if (!specifier.startsWith('node:')) packages.add(specifier.split('/')[0] ?? specifier)
    }
  }
  return { modules: [...modules.keys()].sort(), packages: [...packages].sort(), bytes: [...modules.values()].reduce((sum, size) => sum + size, 0) }
}

/** `import … from 'x'`, `export … from 'x'` and `import 'x'` at the start of a line; not `import type`, not import('x'). */
function specifiersOf(source: string): string[] {
  const statement = /^(?:import|export)\s+(?!type\s)(?:[^'"()]*?\sfrom\s+)?'([^']+)'/gm
  return [...source.matchAll(statement)].flatMap(([, specifier]) => specifier ?? [])
}
