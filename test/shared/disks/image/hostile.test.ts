import { execFileSync } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { readdir, readFile, rm, stat, utimes, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { driverOf } from '#shared/disks/image/formats.ts'
import { inspectDiskFile } from '#shared/disks/image/inspect.ts'
import { temporaryDir } from '#test/clouds/core/temporary.ts'
import { fileIn, mib, needQemuImg, qemuImg, refusalOf, withFile } from '#test/shared/disks/image/files.ts'
import { references } from '#test/shared/disks/image/references.ts'

/** A file of the host that no image may lead to. Its time of access is long ago: a read would renew it. */
async function placeCanary(path: string): Promise<Buffer> {
  const content = Buffer.alloc(mib, randomBytes(64).toString('hex'))
  await writeFile(path, content, { mode: 0o644 })
  const longAgo = new Date('2020-01-01T00:00:00Z')
  await utimes(path, longAgo, longAgo)
  return content
}
const wasRead = async (path: string) => (await stat(path)).atime.getUTCFullYear() > 2020

test('the canary tells when it is read', async () => {
  const path = join(await temporaryDir(), 'canary')
  await placeCanary(path)
  expect(await wasRead(path)).toBe(false)
  await readFile(path)
  expect(await wasRead(path)).toBe(true)
})

test.for(references)(
  '$title is refused, and what it names is neither read nor opened',
  async ({ format, reason, make }, context) => {
    needQemuImg(context)
    const dir = await temporaryDir()
    const [path, target] = [join(dir, 'image'), join(dir, 'canary')]
    await writeFile(target, '')
    await make(path, target)
    await placeCanary(target)
    const look = () => withFile(path, (workspace) => inspectDiskFile(workspace, fileIn(format)))
    const { reason: given, remedy } = await refusalOf(look())
    expect(given).toMatch(reason)
    expect(remedy).toMatch(/\w/)
    expect(await wasRead(target)).toBe(false)

    // A pipe that nobody writes to: who opens it to read waits forever.
    await rm(target)
    execFileSync('mkfifo', [target])
    expect((await refusalOf(look())).reason).toBe(given)
    expect((await readdir(dir)).toSorted()).toEqual(['canary', 'image', 'workspace'])
    expect(await readdir(join(dir, 'workspace'))).toEqual([])
  },
)

test.for(references.filter(({ title }) => /backing file$|data file$|FLAT extent$|no size/.test(title)))(
  'without the inspection, $title would give the file it names away',
  async ({ format, make }, context) => {
    needQemuImg(context)
    const dir = await temporaryDir()
    const [path, target] = [join(dir, 'image'), join(dir, 'canary')]
    await writeFile(target, '')
    await make(path, target)
    const content = await placeCanary(target)
    qemuImg('convert', '-f', driverOf[format], '-O', 'raw', path, join(dir, 'out'))
    expect((await readFile(join(dir, 'out'))).includes(content.subarray(0, 4096))).toBe(true)
    expect(await wasRead(target)).toBe(true)
  },
)
