import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import { expect, test } from 'vitest'
import { until } from '#test/shared/clouds/conformance/subject.ts'
import { moves } from '#test/shared/clouds/onprem/crash/lab.ts'
import { onQemu } from '#test/shared/clouds/onprem/on-qemu.ts'

onQemu('an on-premise host that a VM is on its way to', (subject) => {
  test.for(
    moves.flatMap((scene) => ['blockdev-mirror', 'migrate'].map((at) => ({ scene, ends: scene.ends, at }))),
  )(
    'whose process dies at $at: the move is $ends, the guest runs once, and nothing is left over',
    { timeout: 120_000 },
    async ({ scene, at }) => {
      const { cloud, loopback } = subject
      const before = leftovers()
      const { request, finish } = await scene.prepare(subject)
      const vm = request as { region: string; id: string }
      const lastSeq = loopback.calls().at(-1)?.seq ?? 0
      loopback.inject({ operation: at, mode: 'hold' })
      const moving = cloud.hosts.relocate(vm, { zone: 'beta' }).catch((error: unknown) => error)
      await until(`${at} to be called`, async () =>
        loopback.calls().some(({ seq, operation }) => seq > lastSeq && operation === at),
      )
      await killFarEnd(vm.id)
      loopback.clearFaults()
      expect(await moving).toBeInstanceOf(Error)
      await finish()
      expect(leftovers()).toEqual(before)
    },
  )

  const leftovers = () => subject.loopback.residue().map(({ kind, id }) => `${kind} ${id}`)
})

/** Kills the process that waits for the guest at beta. */
async function killFarEnd(id: string): Promise<void> {
  const { stdout } = await promisify(execFile)('pgrep', ['-af', `uuid ${id} `])
  const far = stdout.split('\n').filter((line) => line.includes('/beta/'))
  expect(far, 'processes at beta').toHaveLength(1)
  for (const line of far) process.kill(Number.parseInt(line, 10), 'SIGKILL')
}
