// Installs the dependencies exactly as package-lock.json has them. Plain JavaScript for Node 18 and newer, without dependencies.
import { spawn, spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'

export const root = dirname(dirname(fileURLToPath(import.meta.url)))

const lockPath = join(root, 'package-lock.json')
/** npm writes this when it has finished: what is really installed. */
const installedPath = join(root, 'node_modules', '.package-lock.json')
const ownNode = join(root, 'node_modules', 'node', 'bin', 'node')
const turnPath = join(root, '.novacron', 'install.turn')
const pollMs = 200

/** Installs what is missing and returns the path of the Node to use. */
export async function ensureInstalled() {
  if (!isInstalled() || !existsSync(ownNode)) await inTurn(installMissing)
  // It cannot run where the C library is another one (Alpine).
  return spawnSync(ownNode, ['--version']).status === 0 ? ownNode : fallbackNode()
}

/** Whether every package of the lock is there in its version. Optional ones are for other platforms, or missed by what needs them. */
export function isInstalled() {
  const installed = readJson(installedPath)?.packages
  const wanted = readJson(lockPath)?.packages
  if (!wanted) throw new Error(`${lockPath} is missing: this is not a whole checkout of the project.`)
  const isThere = ([path, entry]) =>
    path === '' || entry.optional || installed[path]?.version === entry.version
  return installed !== undefined && Object.entries(wanted).every(isThere)
}

async function installMissing() {
  if (!isInstalled()) await install()
  if (!existsSync(ownNode)) await fetchNode()
}

async function install() {
  console.error(`Installing the dependencies of ${basename(root)} (npm ci; about half a minute, once) …`)
  const startedMs = Date.now()
  const flags = ['--include=dev', '--include=optional', '--no-audit', '--no-fund', '--loglevel=error']
  const { status, output } = await npm(['ci', ...flags])
  if (status !== 0) throw new Error(explain(output))
  console.error(`Installed in ${Math.round((Date.now() - startedMs) / 1000)} s.`)
}

/** The package `node` gets its program in an install script of its own; this is for when that was switched off or cut short. */
async function fetchNode() {
  const folder = dirname(dirname(ownNode))
  if (existsSync(folder)) await run(process.execPath, ['installArchSpecificPackage.js'], folder)
}

/** Without a Node of its own (there is none for this platform, or it does not run here) the one at hand must be new enough. */
function fallbackNode() {
  const wanted = readJson(join(root, 'package.json')).engines.node.replace('>=', '')
  if (isAtLeast(process.versions.node, wanted)) return process.execPath
  throw new Error(
    `The project's own Node (npm package "node") is not in ${dirname(ownNode)}, and this is Node ${process.versions.node}.\n` +
      `Remove node_modules and try again, or put Node ${wanted} or newer on PATH (https://nodejs.org).`,
  )
}

function isAtLeast(version, wanted) {
  const [have, want] = [version, wanted].map((text) => text.split('.').map(Number))
  const different = want.findIndex((number, index) => number !== have[index])
  return different < 0 || have[different] > want[different]
}

/** What went wrong, and what to do about it. */
function explain(output) {
  const remedies = [
    [
      /ENOTFOUND|EAI_AGAIN|ECONNREFUSED|ETIMEDOUT|ECONNRESET/,
      'The package registry cannot be reached: check the network, the proxy (HTTPS_PROXY) and `npm config get registry`.',
    ],
    [
      /EACCES|EPERM|EROFS/,
      `A folder cannot be written: ${root} and npm's cache (\`npm config get cache\`) must belong to you.`,
    ],
    [/ENOSPC/, 'The disk is full: about 1 GB is needed.'],
    [
      /CERT|self.signed/i,
      'A certificate is not trusted: behind a proxy that inspects TLS, set NODE_EXTRA_CA_CERTS to its certificate.',
    ],
    [/ENOENT.*npm|npm: not found/, 'npm is not on PATH: install Node with npm (https://nodejs.org).'],
  ]
  const remedy = remedies.find(([pattern]) => pattern.test(output))?.[1] ?? 'Run `npm ci` to see all of it.'
  return `The dependencies could not be installed.\n${output.trim().split('\n').slice(-15).join('\n')}\n${remedy}`
}

/** Runs the npm that started us, or the one on PATH. */
function npm(args) {
  const own = process.env.npm_execpath ?? ''
  return basename(own) === 'npm-cli.js' ? run(process.execPath, [own, ...args], root) : run('npm', args, root)
}

function run(program, args, cwd) {
  return new Promise((resolve) => {
    let output = ''
    const child = spawn(program, args, { cwd, stdio: ['ignore', 'pipe', 'pipe'] })
    for (const stream of [child.stdout, child.stderr]) stream.on('data', (text) => (output += text))
    child.on('error', (error) => resolve({ status: 1, output: `${program}: ${error.message}` }))
    child.on('close', (status) => resolve({ status, output }))
  })
}

/** One installation at a time: a second process waits, and then finds the work done. */
async function inTurn(action) {
  mkdirSync(dirname(turnPath), { recursive: true })
  for (let isSaid = false; !takeTurn(); isSaid = true) {
    if (!isSaid) console.error('Another process is installing the dependencies; waiting for it …')
    await sleep(pollMs)
  }
  try {
    return await action()
  } finally {
    rmSync(turnPath, { force: true })
  }
}

function takeTurn() {
  try {
    writeFileSync(turnPath, String(process.pid), { flag: 'wx' })
    return true
  } catch (error) {
    if (error.code !== 'EEXIST')
      throw new Error(`Cannot write ${turnPath} (${error.code}): the checkout must belong to you.`, {
        cause: error,
      })
  }
  if (isAbandoned(Number(readText(turnPath)))) rmSync(turnPath, { force: true })
  return false
}

/** Whether the process that took the turn has died; one that died before it could leave its number is given some seconds. */
function isAbandoned(pid) {
  if (!(pid > 0))
    return Date.now() - (statSync(turnPath, { throwIfNoEntry: false })?.mtimeMs ?? Date.now()) > 10_000
  try {
    process.kill(pid, 0)
    return false
  } catch (error) {
    return error.code !== 'EPERM'
  }
}

function readJson(path) {
  const text = readText(path)
  return text === undefined ? undefined : JSON.parse(text)
}

function readText(path) {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    return undefined
  }
}
