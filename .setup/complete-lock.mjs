// Adds to package-lock.json the optional packages of other platforms that npm left out, so that `npm ci` works on every platform.
//
// npm drops an optional package from the lock when the registry at hand does not hold it; `npm ci` then refuses the lock with
// "Missing: … from lock file". Run this after each `npm install`; `--check` only reports.
import { readFileSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

const systems = new Set([
  'aix',
  'android',
  'darwin',
  'freebsd',
  'linux',
  'netbsd',
  'openbsd',
  'openharmony',
  'sunos',
  'win32',
])
const processors = new Set(['arm64', 'arm', 'ia32', 'loong64', 'ppc64', 'riscv64', 's390x', 'x64'])

const lockPath = fileURLToPath(new URL('../package-lock.json', import.meta.url))

/** The lock entries that should be there and are not: `[path, entry]`. */
export function missingEntries(lock) {
  return Object.values(lock.packages).flatMap((parent) =>
    Object.entries(parent.optionalDependencies ?? {})
      .filter(([name]) => !lock.packages[`node_modules/${name}`])
      .map(([name, version]) => [
        `node_modules/${name}`,
        { version, ...platformOf(name), ...(parent.dev && { dev: true }), optional: true },
      ]),
  )
}

/** Reads system, processor and C library out of a name such as `@oxlint/binding-linux-arm-musleabihf`. */
function platformOf(name) {
  const words = name.slice(name.indexOf('/') + 1).split('-')
  const os = words.find((word) => systems.has(word))
  const cpu = words.find((word) => processors.has(word))
  if (!os || !cpu)
    throw new Error(`Cannot tell the platform of the optional package ${name}; add it to the lock by hand.`)
  const libc = words.some((word) => word.startsWith('musl'))
    ? 'musl'
    : os === 'linux' && words.some((word) => word.startsWith('gnu'))
      ? 'glibc'
      : undefined
  return { cpu: [cpu], ...(libc && { libc: [libc] }), os: [os] }
}

function main() {
  const lock = JSON.parse(readFileSync(lockPath, 'utf8'))
  const missing = missingEntries(lock)
  if (!missing.length) return console.log('package-lock.json names every optional package.')
  console.log(`package-lock.json lacks ${missing.map(([path]) => path).join(', ')}`)
  if (process.argv.includes('--check')) return (process.exitCode = 1)
  const packages = Object.entries({ ...lock.packages, ...Object.fromEntries(missing) })
  lock.packages = Object.fromEntries(packages.toSorted(([a], [b]) => a.localeCompare(b, 'en')))
  writeFileSync(lockPath, `${JSON.stringify(lock, undefined, 2)}\n`)
}

if (process.argv[1] === fileURLToPath(import.meta.url)) main()
