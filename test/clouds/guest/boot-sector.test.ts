import { spawnSync } from 'node:child_process'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'
import { temporaryDir } from '#test/clouds/core/temporary.ts'
import { bootSector } from '#test/clouds/guest/boot-sector.ts'

const source = fileURLToPath(import.meta.resolve('#test/clouds/guest/boot.s'))

test('the 512 bytes are what boot.s assembles to', async (context) => {
  const dir = await temporaryDir()
  const object = join(dir, 'boot.o')
  const assembled = spawnSync('as', ['--32', '-o', object, source], { encoding: 'utf8' })
  // Only a missing or foreign assembler is a reason to skip: GNU as for x86 that refuses the source is a failure.
  const isGnuForX86 = /GNU assembler[^]*(x86_64|i[3-6]86)/.test(String(spawnSync('as', ['--version']).stdout))
  if (!isGnuForX86) context.skip('needs GNU as for x86 (Debian: binutils)')
  expect(assembled.stderr).toBe('')

  const linked = join(dir, 'boot.bin')
  const how = ['-m', 'elf_i386', '-Ttext', '0x7c00', '--oformat', 'binary', '-o', linked, object]
  expect(spawnSync('ld', how, { encoding: 'utf8' }).stderr).toBe('')
  expect(await readFile(linked)).toEqual(bootSector)
})

test('the boot sector is bootable and leaves room for signature and partition table', () => {
  expect(bootSector.length).toBe(512)
  expect(bootSector.readUInt16BE(510)).toBe(0x55aa)
  expect(bootSector.subarray(440, 510)).toEqual(Buffer.alloc(70))
})
