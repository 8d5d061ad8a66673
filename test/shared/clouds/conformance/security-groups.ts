import { afterAll, describe, expect, test } from 'vitest'
import type { CloudRef, SecurityRule } from '#shared/clouds/port.ts'
import { intentOf, newJob, removeAll, until, type Subject } from '#test/shared/clouds/conformance/subject.ts'
import { changesOf, listedAs, withFault } from '#test/shared/clouds/conformance/things.ts'

const tcp = (port: number, ...cidrs: string[]): SecurityRule => ({
  direction: 'ingress',
  protocol: 'tcp',
  fromPort: port,
  toPort: port,
  cidrs,
})
const ssh = tcp(22, '10.0.0.0/8', '192.168.0.0/16')
const web = tcp(443, '0.0.0.0/0')

/** Security groups and their rules. `subject` is filled before the tests run. */
export function securityGroups(subject: Subject): void {
  describe('security groups', () => {
    const job = newJob()
    afterAll(() => removeAll(subject, job))

    const make = (name: string, rules: SecurityRule[]): Promise<CloudRef> =>
      subject.cloud.networks.securityGroups.create({
        ...intentOf(job),
        region: subject.region,
        name,
        description: 'conformance',
        rules,
      })
    const permits = async (ref: CloudRef, direction?: SecurityRule['direction']) => {
      const group = await subject.cloud.networks.securityGroups.get(ref)
      const rules = group?.rules ?? []
      return permitsOf(rules.filter((rule) => direction === undefined || rule.direction === direction))
    }

    test('a group is described with its rules, listed once, and gone when deleted', async () => {
      const { cloud, region } = subject
      const group = await make('described', [ssh, web])
      const described = await cloud.networks.securityGroups.get(group)
      expect(described).toMatchObject({
        region,
        id: group.id,
        name: 'described',
        tags: { 'novacron-job': job },
      })
      expect(await permits(group, 'ingress')).toEqual(permitsOf([ssh, web]))
      expect(await listedAs(group, () => cloud.networks.securityGroups.list({ region }))).toEqual([described])
      await cloud.networks.securityGroups.delete(group)
      await cloud.networks.securityGroups.delete(group)
      expect(await cloud.networks.securityGroups.get(group)).toBeUndefined()
    })

    test('every form of a rule comes back as it was given', async () => {
      const rules: SecurityRule[] = [
        ssh,
        { ...tcp(8000, '10.1.0.0/16'), toPort: 8999, description: 'the back end' },
        { direction: 'ingress', protocol: 'udp', fromPort: 53, toPort: 53, cidrs: ['10.0.0.0/8'] },
        { direction: 'ingress', protocol: 'tcp', cidrs: ['172.16.0.0/12'] },
        { direction: 'ingress', protocol: 'icmp', cidrs: ['10.0.0.0/8'] },
        { direction: 'ingress', protocol: 'any', cidrs: ['10.9.0.0/16'] },
        tcp(443, '::/0'),
        { direction: 'egress', protocol: 'tcp', fromPort: 443, toPort: 443, cidrs: ['0.0.0.0/0'] },
        { direction: 'egress', protocol: 'any', cidrs: ['10.0.0.0/8'] },
      ]
      const group = await make('forms', rules)
      expect(await permits(group)).toEqual(permitsOf(rules))
      const { rules: back = [] } = (await subject.cloud.networks.securityGroups.get(group)) ?? {}
      expect(back.map(({ description }) => description)).toContain('the back end')
    })

    test('setting the rules makes them exactly these, and again changes nothing', async () => {
      const { setRules } = subject.cloud.networks.securityGroups
      const group = await make('set', [ssh])
      await setRules(group, [web])
      await until(
        'the new rules',
        async () => String(await permits(group, 'ingress')) === String(permitsOf([web])),
      )
      await setRules(group, [web])
      expect(await permits(group, 'ingress')).toEqual(permitsOf([web]))
      await setRules(group, [])
      expect(await permits(group, 'ingress')).toEqual([])
    })

    test('a change of rules that breaks off leaves all of the old or all of the new permits', async () => {
      const { setRules } = subject.cloud.networks.securityGroups
      const [before, after] = [
        [ssh, tcp(80, '0.0.0.0/0')],
        [ssh, web],
      ]
      const group = await make('broken', before)
      const changes = await changesOf(subject, () => setRules(group, after))
      expect(changes.length).toBeGreaterThan(0)
      for (const operation of changes) {
        await setRules(group, before)
        const fault = {
          operation,
          mode: 'error' as const,
          times: 50,
          ...subject.dialect.refusals.forbidden[0],
        }
        await expect(withFault(subject, fault, () => setRules(group, after))).rejects.toMatchObject({
          code: 'forbidden',
        })
        const left = new Set(await permits(group, 'ingress'))
        const holds = (rules: SecurityRule[]) => permitsOf(rules).every((permit) => left.has(permit))
        expect(holds(before) || holds(after), `after a refusal of ${operation}: ${[...left].join()}`).toBe(
          true,
        )
      }
    })
  })
}

/** One text for each rule and range, in order: clouds group them differently. */
function permitsOf(rules: readonly SecurityRule[]): string[] {
  return rules
    .flatMap(({ direction, protocol, fromPort, toPort, cidrs }) =>
      cidrs.map((cidr) => `${direction} ${protocol} ${fromPort ?? ''}-${toPort ?? ''} ${cidr}`),
    )
    .toSorted()
}
