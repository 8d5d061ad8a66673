// `npm run setup`: installs the project's own packages (run.mjs has done that by now) and says which optional parts the system has.
// With `--system` it installs those that are missing, through apt or brew, after saying what it will do.
import { spawnSync } from 'node:child_process'
import { accessSync, constants, existsSync, globSync } from 'node:fs'
import { delimiter, join } from 'node:path'
import { parseArgs } from 'node:util'
import { checkoutFolder } from '#shared/services/state.ts'
import { findRedisProgram } from '#shared/services/local-redis.ts'

type Part = {
  name: string
  use: string
  isThere: boolean
  /** Debian's and Homebrew's packages. */
  apt?: string | string[]
  brew?: string
  /** For what is fetched into this folder and not installed: the command. */
  fetch?: string[]
}

const { values: flags } = parseArgs({
  options: { system: { type: 'boolean' }, 'dry-run': { type: 'boolean' } },
})
process.exitCode = await main()

async function main(): Promise<number> {
  const parts = await listParts()
  for (const { name, use, isThere } of parts)
    console.log(`${isThere ? 'there  ' : 'missing'}  ${name.padEnd(22)} ${use}`)
  const missing = parts.filter(({ isThere }) => !isThere)
  if (missing.length === 0) return say('Every optional part is there.')
  if (!flags.system)
    return say('All of these are optional. `npm run setup -- --system` installs what is missing.')
  return installParts(missing)
}

async function listParts(): Promise<Part[]> {
  const redis = await findRedisProgram()
  return [
    {
      name: redis ? `${redis.name} ${redis.version}` : 'Redis or Valkey',
      use: 'queues on Redis; without it they live in PostgreSQL',
      isThere: redis !== undefined,
      apt: 'redis-server',
      brew: 'redis',
    },
    {
      name: 'qemu-system-x86_64',
      use: 'boots migrated disks; without it the boot check is skipped',
      isThere: isOnPath('qemu-system-x86_64'),
      apt: 'qemu-system-x86',
      brew: 'qemu',
    },
    {
      name: 'qemu-img',
      use: 'converts image files of on-premise providers; a second opinion on disk images in tests',
      isThere: isOnPath('qemu-img'),
      apt: 'qemu-utils',
      brew: 'qemu',
    },
    {
      name: 'libvirt',
      use: 'hosts of the libvirt driver (virsh) and its tests (libvirtd); without it they are skipped',
      isThere: isOnPath('virsh') && (isOnPath('libvirtd') || existsSync('/usr/sbin/libvirtd')),
      apt: [
        'libvirt-clients',
        'libvirt-daemon-system',
        'libvirt-daemon-driver-qemu',
        'dnsmasq-base',
        'iptables',
      ],
      brew: 'libvirt',
    },
    // Made of Debian's kernel and boot loader, which only apt-get can fetch.
    ...(isOnPath('apt-get') ? [tinyLinux()] : []),
  ]
}

function tinyLinux(): Part {
  return {
    name: 'tiny Linux',
    use: 'the demo moves a Linux; without it a boot-sector guest (40 MB into .novacron/linux)',
    isThere: globSync(join(checkoutFolder, '.novacron/linux/boot/vmlinuz-*')).length > 0,
    fetch: [process.execPath, join(checkoutFolder, 'test/clouds/guest/linux-parts.ts')],
  }
}

function installParts(missing: Part[]): number {
  const steps = isOnPath('apt-get') ? aptSteps(missing) : isOnPath('brew') ? brewSteps(missing) : undefined
  if (!steps) {
    const names = missing.flatMap(({ apt }) => apt ?? []).join(', ')
    return complain(
      `There is neither apt-get nor brew here. Install by your system's own means: ${names} (Debian's names).`,
    )
  }
  const isRoot = process.getuid?.() === 0
  const needsRoot = steps.length > 0 && isOnPath('apt-get') && !isRoot
  if (needsRoot && !isOnPath('sudo')) {
    return complain(
      'Installing system packages needs root, and sudo is not there. Run this as root: npm run setup -- --system',
    )
  }
  const commands = [
    ...steps.map((step) => (needsRoot ? ['sudo', ...step] : step)),
    ...missing.flatMap(({ fetch }) => (fetch ? [fetch] : [])),
  ]
  console.log(
    `\nThis changes the system. It runs:\n${commands.map((command) => `  ${command.join(' ')}`).join('\n')}\n`,
  )
  if (commands.flat().includes('redis-server')) {
    console.log(
      "Debian's redis-server also starts a service on port 6379, which this project does not use.\n",
    )
  }
  if (commands.flat().includes('libvirt-daemon-system')) {
    console.log(
      "Debian's libvirt-daemon-system also starts a service; the project uses it only where a provider of type on-premise names it.\n",
    )
  }
  if (flags['dry-run']) return 0
  for (const [program = '', ...args] of commands) {
    const { status, error } = spawnSync(program, args, { stdio: 'inherit' })
    if (status !== 0)
      return complain(
        `\`${[program, ...args].join(' ')}\` failed (${error?.message ?? `exit status ${status}`}).`,
      )
  }
  return say('Done.')
}

function aptSteps(missing: Part[]): string[][] {
  const packages = missing.flatMap(({ apt }) => apt ?? [])
  const install = ['apt-get', 'install', '-y', '--no-install-recommends', ...packages]
  return packages.length > 0 ? [['apt-get', 'update'], install] : []
}

function brewSteps(missing: Part[]): string[][] {
  return [['brew', 'install', ...new Set(missing.flatMap(({ brew }) => brew ?? []))]]
}

function isOnPath(program: string): boolean {
  const folders = (process.env['PATH'] ?? '').split(delimiter).filter(Boolean)
  return folders.some((folder) => {
    try {
      accessSync(join(folder, program), constants.X_OK)
      return true
    } catch {
      return false
    }
  })
}

function say(text: string): number {
  console.log(text)
  return 0
}

function complain(text: string): number {
  console.error(text)
  return 1
}
