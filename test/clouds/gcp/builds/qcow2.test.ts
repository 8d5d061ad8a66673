import { execFile } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { open, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { expect, test } from 'vitest'
import { temporaryDir } from '#test/clouds/core/temporary.ts'
import { writeQcow2 } from '#test/clouds/gcp/builds/qcow2.ts'

const run = promisify(execFile)
const hasQemuImg = await run('qemu-img', ['--version']).then(
  () => true,
  () => false,
)

test.for([
  ['small', 3 * 2 ** 20 + 512, [0, 3 * 2 ** 20]],
  ['with islands over several tables', 5 * 2 ** 30, [4096, 600 * 2 ** 20, 5 * 2 ** 30 - 4096]],
  ['empty', 2 ** 30, []],
] as const)(
  'a disk that is %s is written as qemu-img would read it, without what nobody wrote',
  async ([, sizeBytes, offsets], { skip }) => {
    skip(!hasQemuImg, 'qemu-img is not on this machine')
    const dir = await temporaryDir()
    const [raw, qcow2] = [join(dir, 'disk.raw'), join(dir, 'disk.qcow2')]
    const file = await open(raw, 'w')
    await file.truncate(sizeBytes)
    for (const offset of offsets) await file.write(randomBytes(512), 0, 512, offset)
    await file.close()
    await writeQcow2(raw, qcow2)
    await run('qemu-img', ['check', '-f', 'qcow2', qcow2])
    await run('qemu-img', ['compare', '-f', 'raw', '-F', 'qcow2', raw, qcow2])
    expect((await stat(qcow2)).size).toBeLessThan(16 * 65_536)
  },
)
