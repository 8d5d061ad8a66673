import { spawn, spawnSync } from 'node:child_process'
import {
  chmodSync,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { openVirsh } from '#shared/clouds/onprem/libvirt/virsh.ts'
import { keepCapabilities, recallCapabilities } from './capability-cache.ts'
import { findLibvirt, findProgram } from './find.ts'
import { processesOf } from './processes.ts'

/** A libvirt daemon that manages a whole machine: one of its own, made of namespaces. */
export interface SystemDaemon {
  uri: string
  folder: string
  pool: string
  poolPath: string
  /** Runs a program within the daemon's network, and gives what it printed. */
  inside(program: string, ...words: string[]): string
  close(): Promise<void>
}

/** Why there can be none here; undefined if there can. */
export function whyNoSystemDaemon(): string | undefined {
  const libvirt = findLibvirt()
  if ('reason' in libvirt) return libvirt.reason
  if (process.getuid?.() !== 0) return 'namespaces of mounts and networks take root'
  const missing = ['unshare', 'nsenter', 'dnsmasq', 'iptables', 'ip'].filter((name) => !findProgram(name))
  if (missing.length > 0)
    return `${missing.join(', ')} not found; \`npm run setup -- --system\` installs them`
  const tried = spawnSync('unshare', [
    '--mount',
    '--net',
    '--pid',
    '--fork',
    '--mount-proc',
    'mount',
    '-t',
    'sysfs',
    'sysfs',
    '/sys',
  ])
  return tried.status === 0 ? undefined : `no namespaces may be made here: ${tried.stderr.toString().trim()}`
}

/**
 * Starts libvirtd in namespaces of mounts, network and processes, so that bridges, firewall rules, DHCP servers and its folders are not this
 * machine's. When the first process in there is killed the kernel kills the others.
 */
export async function startSystemDaemon(): Promise<SystemDaemon> {
  const folder = mkdtempSync(join(tmpdir(), 'nclv-'))
  // Guests run as libvirt's own user and must get to the pool.
  chmodSync(folder, 0o755)
  for (const name of ['run', 'lib', 'cache', 'log', 'dev', 'groups', 'pool']) mkdirSync(join(folder, name))
  mkdirSync(join(folder, 'run/libvirt'))
  cpSync('/etc/libvirt', join(folder, 'etc'), { recursive: true })
  rmSync(join(folder, 'etc/qemu/networks'), { recursive: true, force: true })
  // It would make namespaces of its own for each guest, which are not to be had within ours.
  writeFileSync(join(folder, 'etc/qemu.conf'), 'namespaces = []\n')
  writeFileSync(join(folder, 'start.sh'), script(folder))
  recallCapabilities(folder, undefined, 'system')
  const log = openSync(join(folder, 'daemons.log'), 'a')
  const child = spawn(
    'unshare',
    ['--mount', '--net', '--pid', '--fork', '--kill-child', '--mount-proc', 'sh', join(folder, 'start.sh')],
    { stdio: ['ignore', log, log], env: { PATH: `${process.env['PATH']}:/usr/sbin:/sbin`, LC_ALL: 'C' } },
  )
  child.unref()
  const uri = `qemu:///system?socket=${join(folder, 'run/libvirt/libvirt-sock')}`
  const close = async () => {
    // unshare ignores SIGTERM; its end is the end of all in there.
    child.kill('SIGKILL')
    for (let attempt = 0; attempt < 200 && firstProcess(child.pid) !== undefined; attempt++) await sleep(20)
    for (let attempt = 0; attempt < 200 && processesOf(folder).length > 0; attempt++) await sleep(20)
    rmSync(folder, { recursive: true, force: true })
  }
  const virsh = openVirsh({ uri, sessions: 1 })
  try {
    for (let attempt = 0; attempt < 400 && !existsSync(join(folder, 'run/libvirt/libvirt-sock')); attempt++)
      await sleep(50)
    await virsh.run(['version'], AbortSignal.timeout(60_000))
    await virsh.run(['pool-define-as', 'default', 'dir', '--target', join(folder, 'pool')])
    await virsh.run(['pool-start', 'default'])
  } catch (error) {
    const words = readFileSync(join(folder, 'daemons.log'), 'utf8').slice(-2_000)
    await close()
    throw new Error(`libvirtd did not start in its namespaces: ${words}`, { cause: error })
  } finally {
    virsh.close()
  }
  keepCapabilities(folder, 'system')
  return {
    uri,
    folder,
    pool: 'default',
    poolPath: join(folder, 'pool'),
    inside(program, ...words) {
      const pid = firstProcess(child.pid)
      const { stdout, stderr, status } = spawnSync('nsenter', [
        '-t',
        `${pid}`,
        '-n',
        '-m',
        '-p',
        program,
        ...words,
      ])
      if (status !== 0) throw new Error(`${program} ${words.join(' ')}: ${stderr.toString()}`)
      return stdout.toString()
    },
    close,
  }
}

const script = (folder: string): string => `set -e
mkdir -p /var/lib/libvirt /var/cache/libvirt /var/log/libvirt
mount --bind ${folder}/lib /var/lib/libvirt
mount --bind ${folder}/etc /etc/libvirt
mount --bind ${folder}/cache /var/cache/libvirt
mount --bind ${folder}/log /var/log/libvirt
mount --bind ${folder}/run /run
# /sys tells of the network that it was mounted in; groups stay those of the machine.
mount --rbind /sys/fs/cgroup ${folder}/groups
mount -t sysfs sysfs /sys
mount --rbind ${folder}/groups /sys/fs/cgroup
# Devices without /dev/kvm: where it opens and no guest boots under it, libvirt waits minutes for it.
mount -t tmpfs tmpfs ${folder}/dev
for name in null zero full random urandom tty; do cp -a /dev/$name ${folder}/dev/; done
mkdir ${folder}/dev/net ${folder}/dev/pts ${folder}/dev/shm
mknod ${folder}/dev/net/tun c 10 200
mount -t devpts devpts ${folder}/dev/pts -o newinstance,ptmxmode=0666
ln -s pts/ptmx ${folder}/dev/ptmx
mount --rbind ${folder}/dev /dev
ip link set lo up
virtlogd &
libvirtd &
# The first process of its namespace takes in the orphans: libvirt waits 40 s for one of its own that nobody has reaped.
wait
`

/** The child of unshare, which is the first process in there. */
function firstProcess(parent: number | undefined): number | undefined {
  try {
    const found = readFileSync(`/proc/${parent}/task/${parent}/children`, 'utf8').trim()
    return found === '' ? undefined : Number(found)
  } catch {
    return undefined
  }
}
