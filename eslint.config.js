// Lint is memory: each rule below stands for a decision (see CONTRIBUTING.md, "The house") or a bug that must not come back.
import importX, { createNodeResolver } from 'eslint-plugin-import-x'
import tseslint from 'typescript-eslint'

/** Arrows point down this list only; a folder may import itself and what it names. */
const arrows = {
  errors: [],
  protocol: [],
  config: ['protocol'],
  launch: ['config', 'protocol'],
  host: ['protocol', 'launch', 'config'],
  storage: ['host', 'config', 'protocol', 'launch'],
  template: ['host', 'config', 'protocol'],
  network: ['host', 'config', 'protocol', 'launch', 'template'],
  monitor: ['host', 'config', 'protocol'],
  console: ['monitor', 'host', 'config', 'protocol'],
  container: ['storage', 'template', 'network', 'console', 'monitor', 'launch', 'host', 'config', 'protocol', 'cli'],
  render: ['container', 'network', 'monitor', 'host', 'config', 'protocol', 'cli'],
  commands: ['container', 'storage', 'template', 'network', 'console', 'monitor', 'launch', 'render', 'host', 'config', 'protocol', 'cli'],
}
const folders = Object.keys(arrows)

const zones = folders.flatMap((folder) =>
  folders
    .filter((other) => other !== folder && !(arrows[folder] ?? []).includes(other))
    .map((other) => ({
      target: `./src/${folder}`,
      from: `./src/${other}`,
      // paths.ts is pure arithmetic on strings; the planner needs names of files, not files.
      except: other === 'host' ? ['./paths.ts'] : [],
      message: `${folder} must not import ${other}: arrows point down only (CONTRIBUTING.md)`,
    })),
)

/** Pure files in a folder with effects: they see no machine. */
const pure = ['retention', 'tar-header', 'tar-entry', 'tar-check', 'archive'].map((name) => `storage/${name}.ts`)
const purity = pure.map((file) => ({ target: `./src/${file}`, from: './src/host', message: `${file} is pure` }))

/** Package → the only file that may import it. */
const importers = {
  yargs: 'src/cli/help.ts',
  execa: 'src/host/exec.ts',
  handlebars: 'src/template/render.ts',
  'proper-lockfile': 'src/host/lock.ts',
  ini: 'src/config/system-config.ts',
  tar: 'src/template/archive.ts',
}
const packagePaths = Object.entries(importers).map(([name, file]) => ({ name, message: `only ${file} imports ${name}` }))

const effects = ['node:fs', 'node:fs/promises', 'node:child_process', 'node:net', 'node:process']
const banEffects = effects.map((name) => ({ name, message: 'pure folders and commands reach the machine only through the Host they are given' }))

export default tseslint.config(
  { ignores: ['node_modules', 'build', 'src/protocol/generated.ts', 'coverage', '*.config.ts'] },
  {
    files: ['**/*.ts'],
    extends: [...tseslint.configs.strict],
    languageOptions: { parserOptions: { project: './tsconfig.json' } },
    plugins: { 'import-x': importX },
    settings: { 'import-x/resolver-next': [createNodeResolver({ extensions: ['.ts', '.js', '.json'] })] },
    rules: {
      'import-x/no-cycle': ['error', { ignoreExternal: true }],
      'import-x/no-restricted-paths': ['error', { zones: [...zones, ...purity] }],
      'no-restricted-imports': ['error', { paths: packagePaths }],
      'no-console': 'error',
      'no-param-reassign': 'error',
      'prefer-const': 'error',
      eqeqeq: 'error',
      '@typescript-eslint/explicit-module-boundary-types': 'error',
      '@typescript-eslint/no-floating-promises': 'error',
      '@typescript-eslint/switch-exhaustiveness-check': ['error', { considerDefaultExhaustiveForUnions: true }],
      '@typescript-eslint/no-invalid-void-type': 'off',
      '@typescript-eslint/no-unused-vars': ['error', { argsIgnorePattern: '^_' }],
    },
  },
  {
    files: ['src/**/*.ts'],
    ignores: ['src/dev/**'],
    rules: {
      'max-lines': ['error', { max: 300, skipBlankLines: true, skipComments: true }],
      'max-lines-per-function': ['error', { max: 60, skipBlankLines: true, skipComments: true }],
      // A shell string is an injection waiting for a container name.
      'no-restricted-syntax': [
        'error',
        { selector: "Property[key.name='shell'][value.value=true]", message: 'no shell strings: pass an argv' },
      ],
    },
  },
  // One table, one file: the protocol reads top to bottom.
  { files: ['src/protocol/schema.ts'], rules: { 'max-lines': 'off' } },
  ...Object.entries(importers).map(([name, file]) => ({
    files: [file],
    rules: { 'no-restricted-imports': ['error', { paths: packagePaths.filter((p) => p.name !== name) }] },
  })),
  {
    files: ['src/{config,launch,protocol,render,commands,container,storage,network,monitor,console}/**/*.ts'],
    ignores: Object.values(importers),
    rules: {
      'no-restricted-imports': ['error', { paths: [...packagePaths, ...banEffects.map((p) => ({ ...p, allowTypeImports: true }))] }],
      'no-restricted-globals': ['error', { name: 'process', message: 'commands get a Context; only main.ts and host/ touch process' }],
    },
  },
  { files: ['test/**/*.ts', 'src/dev/**/*.ts'], rules: { 'no-restricted-imports': 'off', '@typescript-eslint/no-non-null-assertion': 'off' } },
)
