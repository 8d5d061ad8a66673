import { spawn } from 'node:child_process'
import { randomUUID } from 'node:crypto'
import { once } from 'node:events'
import { expect, onTestFinished, test } from 'vitest'
import type { SecurityRule } from '#shared/clouds/facets/networks.ts'
import { compileRuleset, whyNoFilter } from '#shared/clouds/onprem/qemu/networks/nftables.ts'
import { findProgram, runProgram } from '#shared/clouds/onprem/qemu/process.ts'

const web: SecurityRule = {
  direction: 'ingress',
  protocol: 'tcp',
  fromPort: 80,
  toPort: 80,
  cidrs: ['0.0.0.0/0', '::/0'],
}
const ssh: SecurityRule = {
  direction: 'ingress',
  protocol: 'tcp',
  fromPort: 22,
  toPort: 23,
  cidrs: ['10.0.0.0/8', '192.0.2.1/32'],
}
const ping: SecurityRule = { direction: 'ingress', protocol: 'icmp', cidrs: ['0.0.0.0/0'] }
const out: SecurityRule = {
  direction: 'egress',
  protocol: 'any',
  cidrs: ['198.51.100.0/24', '2001:db8::/32'],
}

const chainOf = (ruleset: string, name: string): string[] =>
  (new RegExp(`chain ${name} \\{\\n([^}]*(?:\\{[^}]*\\}[^}]*)*)\\n  \\}`).exec(ruleset)?.[1] ?? '')
    .split('\n')
    .map((line) => line.trim())

test('what no rule permits is dropped, and each rule becomes one statement for each family of its addresses', () => {
  const ruleset = compileRuleset('novacron_test', [{ tap: 'nc1', rules: [web, ssh, ping, out] }])
  expect(chainOf(ruleset, 'to_nc1').slice(-5)).toEqual([
    'ether type ip tcp dport 80 accept',
    'ether type ip6 tcp dport 80 accept',
    'ip saddr { 10.0.0.0/8, 192.0.2.1/32 } tcp dport 22-23 accept',
    'ether type ip meta l4proto icmp accept',
    'drop',
  ])
  expect(chainOf(ruleset, 'from_nc1').slice(-3)).toEqual([
    'ip daddr { 198.51.100.0/24 } accept',
    'ip6 daddr { 2001:db8::/32 } accept',
    'drop',
  ])
})

test('without a rule nobody may call, and without an egress rule everybody may be called', () => {
  const ruleset = compileRuleset('novacron_test', [{ tap: 'nc1', rules: [] }])
  expect(chainOf(ruleset, 'to_nc1').at(-1)).toBe('drop')
  expect(chainOf(ruleset, 'to_nc1').at(-2)).toContain('dport 67')
  expect(chainOf(ruleset, 'from_nc1').slice(-2)).toEqual(['accept', 'drop'])
})

test('a range that is none never becomes part of the text', () => {
  const rule: SecurityRule = { ...ssh, cidrs: ['10.0.0.0/8 } accept; flush ruleset; add rule x y {'] }
  expect(() => compileRuleset('t', [{ tap: 'nc1', rules: [rule] }])).toThrow('is no address range')
})

const path = `${process.env['PATH'] ?? ''}:/usr/sbin:/sbin`

interface Namespace {
  name: string
  run(program: string, args: string[], input?: string): Promise<string>
}

/** A network namespace of the test's own, so that nothing of this machine is touched. */
async function namespace(): Promise<Namespace> {
  const ip = await findProgram('ip', path)
  const name = `nc-${randomUUID().slice(0, 8)}`
  await runProgram(ip, ['netns', 'add', name])
  onTestFinished(async () => void (await runProgram(ip, ['netns', 'delete', name])))
  return {
    name,
    run: async (program, args, input = '') =>
      (
        await runProgram(
          ip,
          [
            'netns',
            'exec',
            name,
            program.startsWith('/') ? program : await findProgram(program, path),
            ...args,
          ],
          { input },
        )
      ).stdout,
  }
}

/** Listens on these ports until the test is over. */
async function serve({ name }: Namespace, ports: readonly number[]): Promise<void> {
  const program = `
    const { createServer } = require('node:net')
    Promise.all(${JSON.stringify(ports)}.map((port) => new Promise((done) => createServer((s) => s.end()).listen(port, done))))
      .then(() => console.log('listening'))`
  const child = spawn(
    await findProgram('ip', path),
    ['netns', 'exec', name, process.execPath, '-e', program],
    {
      stdio: ['ignore', 'pipe', 'inherit'],
    },
  )
  onTestFinished(() => void child.kill('SIGKILL'))
  await once(child.stdout, 'data')
}

async function connects({ run }: Namespace, ports: readonly number[]): Promise<boolean[]> {
  const program = `
    const { connect } = require('node:net')
    const attempt = (port) => new Promise((done) => {
      const socket = connect({ port, host: '10.99.0.2' })
      const settle = (reached) => (socket.destroy(), done(reached))
      socket.once('connect', () => settle(true)).once('error', () => settle(false))
      setTimeout(() => settle(false), 500)
    })
    Promise.all(${JSON.stringify(ports)}.map(attempt)).then((all) => console.log(JSON.stringify(all)))`
  return JSON.parse(await run(process.execPath, ['-e', program])) as boolean[]
}

/**
 * What is set in these tests: the rules themselves where the kernel can follow connections over bridges, else with answers told by TCP's flags
 * in place of that one line.
 */
async function rulesFor(tap: string, rules: readonly SecurityRule[]): Promise<string> {
  const ruleset = compileRuleset('novacron_test', [{ tap, rules }])
  const why = await whyNoFilter()
  if (why === undefined) return ruleset
  expect(why).toContain('ct state')
  return ruleset.replaceAll('ct state established,related accept', 'tcp flags & (syn | ack) != syn accept')
}

async function needsNftables(skip: (why: string) => void): Promise<void> {
  if (process.getuid?.() !== 0) skip('needs root')
  await findProgram('nft', path).catch(() => skip('needs nft (Debian: apt-get install nftables)'))
  await namespace().catch((error: unknown) => skip(`needs network namespaces: ${String(error)}`))
}

test('nft takes the rules, sets them twice without doubling them, and sets new ones in their place', async (context) => {
  await needsNftables((why) => context.skip(why))
  const { run } = await namespace()
  for (const rules of [[web, ssh, ping, out], [web, ssh, ping, out], [web]])
    await run('nft', ['-f', '-'], await rulesFor('nc1', rules))
  const listed = await run('nft', ['list', 'table', 'bridge', 'novacron_test'])
  expect(listed.match(/tcp dport 80 accept/g)).toHaveLength(2)
  expect(listed).not.toContain('198.51.100.0/24')
})

test('the kernel lets through what a rule permits, and nothing else', async (context) => {
  await needsNftables((why) => context.skip(why))
  const [host, guest] = [await namespace(), await namespace()]
  const pair = randomUUID().slice(0, 6)
  const [tap, eth] = [`nct${pair}`, `nce${pair}`]
  // A bridge with one guest's cable in it; a namespace at the other end stands for the guest.
  for (const args of [
    'link add br0 type bridge',
    'addr add 10.99.0.1/24 dev br0',
    'link set br0 up',
    `link add ${tap} type veth peer name ${eth}`,
    `link set ${tap} master br0 up`,
    `link set ${eth} netns ${guest.name}`,
  ])
    await host.run('ip', args.split(' '))
  await guest.run('ip', ['addr', 'add', '10.99.0.2/24', 'dev', eth])
  await guest.run('ip', ['link', 'set', eth, 'up'])
  await serve(guest, [8080, 8081])

  const ports = [8080, 8081]
  expect(await connects(host, ports)).toEqual([true, true])
  const allowed: SecurityRule = { ...web, fromPort: 8080, toPort: 8080 }
  await host.run('nft', ['-f', '-'], await rulesFor(tap, [allowed]))
  expect(await connects(host, ports)).toEqual([true, false])
  const elsewhere: SecurityRule = { ...allowed, cidrs: ['192.0.2.0/24'] }
  await host.run('nft', ['-f', '-'], await rulesFor(tap, [elsewhere]))
  expect(await connects(host, ports)).toEqual([false, false])
})
