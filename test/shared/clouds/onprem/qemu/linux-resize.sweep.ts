import { expect, test } from 'vitest'
import { lastTold, telling } from '#test/clouds/guest/telling.ts'
import { insist } from '#test/shared/clouds/conformance/things.ts'
import { sizeOf } from '#test/shared/clouds/onprem/compute/agree.ts'
import { bootMs, linuxLab, startVm, untilPrinted } from '#test/shared/clouds/onprem/qemu/linux-lab.ts'

const nothing = { cpus: '', memoryMib: 0 }

test(
  'a Linux that runs has the vCPUs and the memory that it is given, gives memory back, and takes all of it along to another host',
  { timeout: 3 * bootMs },
  async (context) => {
    const lab = await linuxLab(context, 'bios', { agent: true })
    const { cloud } = lab
    const vm = await startVm(lab, telling)
    const said = async () => lastTold((await cloud.compute.consoleOutput(vm)) ?? '') ?? nothing
    const until = (cpus: string, fromMib: number, toMib: number) =>
      expect
        .poll(
          async () => {
            const { memoryMib, ...rest } = await said()
            return { ...rest, isSo: memoryMib >= fromMib && memoryMib <= toMib, memoryMib }
          },
          { timeout: bootMs, interval: 500 },
        )
        .toMatchObject({ cpus, isSo: true })
    await until('0', 400, 512)
    const before = (await said()).memoryMib

    // Its kernel leaves on neither what is added; the agent does.
    await cloud.compute.resize(vm, 'custom-2-1024', { live: true })
    await until('0-1', before + 500, before + 512)
    expect(await sizeOf(lab, vm)).toMatchObject({ type: 'custom-2-1024', vcpus: 2, memoryMib: 1024 })

    await cloud.compute.resize(vm, 'custom-2-768', { live: true })
    await until('0-1', before + 244, before + 256)

    const zone = vm.zone === 'alpha' ? 'beta' : 'alpha'
    const moved = await cloud.hosts.relocate(vm, { zone, maxDowntimeMs: 30_000 })
    expect(moved).toMatchObject({ zone, live: true })
    await cloud.compute.resize(vm, 'custom-3-1024', { live: true })
    await until('0-2', before + 500, before + 512)
    expect(await sizeOf(lab, vm)).toMatchObject({ type: 'custom-3-1024', vcpus: 3, memoryMib: 1024 })

    await insist(() => cloud.compute.stop(vm))
    await cloud.compute.start(vm)
    await untilPrinted(lab, vm, 'boots=0002')
    // It has it from the beginning now, and its kernel keeps a little for the tables of it.
    await until('0-2', before + 440, before + 512)
    await cloud.compute.delete(vm)
  },
)
