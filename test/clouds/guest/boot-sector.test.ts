import { spawnSync } from 'node:child_process'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'
import { temporaryDir } from '#test/clouds/core/temporary.ts'
import { bootSector } from '#test/clouds/guest/boot-sector.ts'
import { tickerSector } from '#test/clouds/guest/ticker-sector.ts'

const sources = { 'boot.s': bootSector, 'ticker.s': tickerSector }

test.for(Object.entries(sources))(
  'the 512 bytes are what %s assembles to',
  async ([name, sector], context) => {
    const source = fileURLToPath(import.meta.resolve(`#test/clouds/guest/${name}`))
    const dir = await temporaryDir()
    const object = join(dir, 'boot.o')
    const assembled = spawnSync('as', ['--32', '-o', object, source], { encoding: 'utf8' })
    // Only a missing or foreign assembler is a reason to skip: GNU as for x86 that refuses the source is a failure.
    const isGnuForX86 = /GNU assembler[^]*(x86_64|i[3-6]86)/.test(
      String(spawnSync('as', ['--version']).stdout),
    )
    if (!isGnuForX86) context.skip('needs GNU as for x86 (Debian: binutils)')
    expect(assembled.stderr).toBe('')

    const linked = join(dir, 'boot.bin')
    const how = ['-m', 'elf_i386', '-Ttext', '0x7c00', '--oformat', 'binary', '-o', linked, object]
    expect(spawnSync('ld', how, { encoding: 'utf8' }).stderr).toBe('')
    expect(await readFile(linked)).toEqual(sector)
  },
)

test.for(Object.entries(sources))(
  '%s is bootable and leaves room for signature and partition table',
  ([, sector]) => {
    expect(sector.length).toBe(512)
    expect(sector.readUInt16BE(510)).toBe(0x55aa)
    expect(sector.subarray(440, 510)).toEqual(Buffer.alloc(70))
  },
)
