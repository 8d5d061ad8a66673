// Adds to package-lock.json the optional packages of other platforms that npm left out, so that `npm ci` works on every platform.
//
// npm drops an optional package from the lock when the registry at hand does not hold it; `npm ci` then refuses the lock with
// "Missing: … from lock file". Run this after each `npm install` (a test tells when it is needed).
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { checkoutFolder } from '#shared/services/state.ts'

type Entry = {
  version?: string
  cpu?: string[]
  libc?: string[]
  os?: string[]
  dev?: boolean
  optional?: boolean
  optionalDependencies?: Record<string, string>
}
export type PackageLock = { packages: Record<string, Entry> }

const lockPath = join(checkoutFolder, 'package-lock.json')
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

export function readLock(): PackageLock {
  return JSON.parse(readFileSync(lockPath, 'utf8')) as PackageLock
}

/** The entries that the lock should have and has not, by their path in it. */
export function missingEntries(lock: PackageLock): Record<string, Entry> {
  const missing = Object.values(lock.packages).flatMap(({ dev, optionalDependencies = {} }) =>
    Object.entries(optionalDependencies)
      .filter(([name]) => !lock.packages[`node_modules/${name}`])
      .map(([name, version]): [string, Entry] => [
        `node_modules/${name}`,
        { version, ...platformOf(name), ...(dev && { dev }), optional: true },
      ]),
  )
  return Object.fromEntries(missing)
}

/** Reads system, processor and C library out of a name such as `@oxlint/binding-linux-arm-musleabihf`. */
function platformOf(name: string): Entry {
  const words = name.slice(name.indexOf('/') + 1).split('-')
  const os = words.find((word) => systems.has(word))
  const cpu = words.find((word) => processors.has(word))
  if (!os || !cpu)
    throw new Error(`Cannot tell the platform of the optional package ${name}; add it to the lock by hand.`)
  const libc = os === 'linux' ? words.map(libcOf).find(Boolean) : undefined
  return { cpu: [cpu], ...(libc && { libc: [libc] }), os: [os] }
}

function libcOf(word: string): string | undefined {
  if (word.startsWith('musl')) return 'musl'
  return word.startsWith('gnu') ? 'glibc' : undefined
}

function completeLock(): void {
  const lock = readLock()
  const missing = missingEntries(lock)
  const names = Object.keys(missing)
  console.log(
    names.length ? `Added to package-lock.json: ${names.join(', ')}` : 'package-lock.json is complete.',
  )
  const packages = Object.entries({ ...lock.packages, ...missing }).toSorted(([a], [b]) =>
    a.localeCompare(b, 'en'),
  )
  writeFileSync(
    lockPath,
    `${JSON.stringify({ ...lock, packages: Object.fromEntries(packages) }, undefined, 2)}\n`,
  )
}

if (import.meta.main) completeLock()
