import { expect, test } from 'vitest'
import { readGuestConsole } from '#test/clouds/guest/console.ts'
import { intentOf } from '#test/shared/clouds/conformance/subject.ts'
import { job, region } from '#test/shared/clouds/onprem/images/lab.ts'
import { bootMs, linuxLab, startVm, untilPrinted } from '#test/shared/clouds/onprem/qemu/linux-lab.ts'

test.for(['bios', 'uefi'] as const)(
  'by %s the tiny Linux boots, takes host name and script from its seed, sees a disk come and go, and is shut down by its agent',
  { timeout: 2 * bootMs },
  async (firmware, context) => {
    const lab = await linuxLab(context, firmware, { agent: true })
    const { cloud } = lab
    // Deaf to the power button, so that what shuts it down is the agent.
    const vm = await startVm(lab, 'killall acpid')
    const printed = (await cloud.compute.consoleOutput(vm)) ?? ''
    expect(printed).toContain(`, by ${firmware.toUpperCase()}`)
    expect(printed).toContain('NOVACRON HOSTNAME web-1')
    expect(printed).toContain('NOVACRON USER DATA web-1')
    expect(readGuestConsole(printed)).toEqual({ unique: 'linux-1', boots: 1, ready: true })

    const volume = await cloud.storage.volumes.create({
      ...intentOf(job),
      region,
      ...(vm.zone === undefined ? {} : { zone: vm.zone }),
      name: 'data',
      sizeGib: 2,
      type: 'ssd',
    })
    await cloud.storage.volumes.attach(volume, vm)
    const plugged = await untilPrinted(lab, vm, ' 2048 MiB')
    const name = /NOVACRON DISK (vd\w) 2048 MiB/.exec(plugged)?.[1]
    await cloud.storage.volumes.detach(volume)
    await untilPrinted(lab, vm, `NOVACRON DISK ${name} gone`)

    await cloud.compute.stop(vm)
    expect(await cloud.compute.consoleOutput(vm)).toContain('NOVACRON DOWN by agent')
    expect(await cloud.compute.get(vm)).toMatchObject({ state: 'stopped' })

    await cloud.compute.start(vm)
    const again = await untilPrinted(lab, vm, 'boots=0002')
    expect(again).toContain('NOVACRON GUEST unique=linux-1 boots=0002')
    await cloud.compute.delete(vm)
  },
)

test(
  'without an agent the tiny Linux is shut down by its power button, its file system clean',
  { timeout: 2 * bootMs },
  async (context) => {
    const lab = await linuxLab(context, 'bios', { agent: false })
    const vm = await startVm(lab)
    await lab.cloud.compute.stop(vm)
    expect(await lab.cloud.compute.consoleOutput(vm)).toContain('NOVACRON DOWN by button')
    await lab.cloud.compute.delete(vm)
  },
)
