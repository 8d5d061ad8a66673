import { execFileSync, spawnSync } from 'node:child_process'
import { createWriteStream } from 'node:fs'
import { readdir, readFile, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { pipeline } from 'node:stream/promises'
import { expect, test } from 'vitest'
import { convertFromRaw, convertToRaw } from '#shared/disks/image/convert.ts'
import { writeOvf } from '#shared/disks/image/ova/ovf-write.ts'
import { unpackOva } from '#shared/disks/image/ova/read.ts'
import { packOva } from '#shared/disks/image/ova/write.ts'
import { temporaryDir } from '#test/clouds/core/temporary.ts'
import {
  digestOf,
  makeRaw,
  mib,
  needQemuImg,
  refusalOf,
  sizeOf,
  withFile,
} from '#test/shared/disks/image/files.ts'
import {
  edited,
  linkTo,
  machine,
  nothing,
  replaced,
  smallOva,
  tarOf,
  type Member,
} from '#test/shared/disks/image/ova-members.ts'

/** An OVA of two disks, of 5 and 3 MiB, written to `path`. */
async function writeOva(path: string): Promise<string[]> {
  const dir = dirname(path)
  const raws = await Promise.all([
    makeRaw(join(dir, 'boot.raw'), 5 * mib),
    makeRaw(join(dir, 'data.raw'), 3 * mib),
  ])
  await withFile(raws[0] ?? '', async (workspace) => {
    for (const [index, raw] of raws.entries()) {
      const file = await workspace.create(`raw-${index}`)
      await file.writeFile(await readFile(raw))
      await file.close()
      const from = { name: `raw-${index}`, format: 'raw', sizeBytes: await sizeOf(raw) } as const
      await convertFromRaw(workspace, from, { name: `disk-${index}`, format: 'vmdk' })
    }
    const { sizeBytes, body } = await packOva(workspace, {
      ...machine,
      disks: [
        { name: 'disk-0', capacityBytes: 5 * mib },
        { name: 'disk-1', capacityBytes: 3 * mib },
      ],
    })
    await pipeline(body, createWriteStream(path))
    expect(await sizeOf(path)).toBe(sizeBytes)
  })
  return Promise.all(raws.map(digestOf))
}

test('an OVA that was written is taken again: its disks in order, with size and content', async (context) => {
  needQemuImg(context)
  const path = join(await temporaryDir(), 'out.ova')
  const digests = await writeOva(path)
  await withFile(path, async (workspace) => {
    const { disks, hardware } = await unpackOva(workspace, 'in')
    expect(hardware).toEqual({ vcpus: machine.vcpus, memoryMib: machine.memoryMib })
    expect(disks.map(({ format, sizeBytes }) => [format, sizeBytes])).toEqual([
      ['vmdk', 5 * mib],
      ['vmdk', 3 * mib],
    ])
    for (const [index, disk] of disks.entries()) {
      const { name } = await convertToRaw(workspace, disk, `back-${index}`)
      expect(await digestOf(workspace.path(name))).toBe(digests[index])
    }
  })
})

test('tar lists an OVA with the descriptor first, and sha256sum agrees with its manifest', async (context) => {
  needQemuImg(context)
  const dir = await temporaryDir()
  await writeOva(join(dir, 'out.ova'))
  const names = execFileSync('tar', ['-xvf', 'out.ova'], { cwd: dir, encoding: 'utf8' }).trim().split('\n')
  expect(names).toEqual(['golden.ovf', 'golden.mf', 'golden-disk1.vmdk', 'golden-disk2.vmdk'])
  const manifest = await readFile(join(dir, 'golden.mf'), 'utf8')
  const sums = manifest.replaceAll(/SHA256\((.*)\)= (.*)/g, '$2  $1')
  expect(spawnSync('sha256sum', ['-c', '-'], { cwd: dir, input: sums }).status).toBe(0)
  expect(manifest.trim().split('\n')).toHaveLength(3)
})

test('the descriptor of an OVA is well-formed, tells the hardware and orders the disks', async (context) => {
  const text = writeOvf({
    ...machine,
    disks: [{ file: 'golden-disk1.vmdk', sizeBytes: 1, capacityBytes: 5 * mib }],
  })
  for (const part of [
    '<Disk ovf:diskId="vmdisk1" ovf:capacity="5242880" ovf:capacityAllocationUnits="byte"',
    '<rasd:ResourceType>3</rasd:ResourceType><rasd:VirtualQuantity>2</rasd:VirtualQuantity>',
    '<rasd:ResourceType>4</rasd:ResourceType><rasd:VirtualQuantity>512</rasd:VirtualQuantity>',
    '<rasd:HostResource>ovf:/disk/vmdisk1</rasd:HostResource>',
    'vmw:key="firmware" vmw:value="efi"',
  ])
    expect(text).toContain(part)
  const { error, status, stderr } = spawnSync('python3', ['-c', parse], { input: text, encoding: 'utf8' })
  if (error) context.skip('needs python3 for a second opinion')
  expect([status, stderr]).toEqual([0, ''])
})
const parse = 'import sys, xml.dom.minidom; xml.dom.minidom.parseString(sys.stdin.buffer.read())'

const hostile: { title: string; reason: RegExp; tell: (all: Member[]) => Member[] }[] = [
  {
    title: 'a file that climbs out of the folder',
    reason: /leads elsewhere/,
    tell: (all) => [...all, { name: '../escaped', content: Buffer.from('x') }],
  },
  {
    title: 'a file with an absolute path',
    reason: /leads elsewhere/,
    tell: (all) => [...all, { name: '/tmp/escaped', content: Buffer.from('x') }],
  },
  {
    title: 'a file in a folder, by the header field for long names',
    reason: /in a folder/,
    tell: (all) => [...all, { name: 'x', content: nothing, edit: (header) => void header.write('..', 345) }],
  },
  {
    title: 'a symbolic link in place of its disk',
    reason: /not a plain file/,
    tell: (all) =>
      replaced(all, 'd.vmdk', ({ name }) => ({ name, content: nothing, edit: linkTo('../../canary', '2') })),
  },
  {
    title: 'a hard link in place of its disk',
    reason: /not a plain file/,
    tell: (all) =>
      replaced(all, 'd.vmdk', ({ name }) => ({ name, content: nothing, edit: linkTo('../../canary', '1') })),
  },
  ...['3', '4', '5', '6', 'L', 'K', 'S'].map((type) => ({
    title: `an entry of type ${type}`,
    reason: /not a plain file/,
    tell: (all: Member[]) => [...all, { name: 'x', content: nothing, edit: linkTo('', type) }],
  })),
  {
    title: 'another name in an extended header',
    reason: /names that its plain headers do not tell/,
    tell: (all) => [
      { name: 'pax', content: Buffer.from('19 path=../escaped\n'), edit: linkTo('', 'x') },
      ...all,
    ],
  },
  {
    title: 'a name twice',
    reason: /twice/,
    tell: (all) => [...all, ...all.slice(1)],
  },
  {
    title: 'two descriptors',
    reason: /two files \.ovf/,
    tell: (all) => [...all, { name: 'other.ovf', content: Buffer.from('x') }],
  },
  {
    title: 'no descriptor',
    reason: /no OVF descriptor/,
    tell: (all) => all.filter(({ name }) => name !== 'm.ovf'),
  },
  {
    title: 'no disk',
    reason: /not in the archive/,
    tell: (all) => all.filter(({ name }) => name !== 'd.vmdk'),
  },
  {
    title: 'a disk that its descriptor finds elsewhere',
    reason: /names a file elsewhere/,
    tell: (all) => edited(all, 'm.ovf', 'ovf:href="d.vmdk"', 'ovf:href="../../canary"'),
  },
  {
    title: 'a disk at a web address',
    reason: /names a file elsewhere/,
    tell: (all) => edited(all, 'm.ovf', 'ovf:href="d.vmdk"', 'ovf:href="http://127.0.0.1/d.vmdk"'),
  },
  {
    title: 'half the capacity that its disk has',
    reason: /says 524288 bytes/,
    tell: (all) => edited(all, 'm.ovf', `ovf:capacity="${mib}"`, `ovf:capacity="${mib / 2}"`),
  },
  {
    title: 'more capacity than its disk has',
    reason: /says 2097152 bytes/,
    tell: (all) => edited(all, 'm.ovf', `ovf:capacity="${mib}"`, `ovf:capacity="${mib * 2}"`),
  },
  {
    title: 'entities of its own',
    reason: /document type/,
    tell: (all) => edited(all, 'm.ovf', /\?>/, '?><!DOCTYPE x [<!ENTITY c SYSTEM "file:///etc/hostname">]>'),
  },
  {
    title: 'a descriptor that is none',
    reason: /OVF descriptor/,
    tell: (all) => replaced(all, 'm.ovf', (member) => ({ ...member, content: Buffer.from('not xml') })),
  },
  {
    title: 'a disk packed once more',
    reason: /packed by gzip/,
    tell: (all) => edited(all, 'm.ovf', 'ovf:href=', 'ovf:compression="gzip" ovf:href='),
  },
  {
    title: 'a disk that builds on another',
    reason: /builds on another/,
    tell: (all) => edited(all, 'm.ovf', 'ovf:fileRef=', 'ovf:parentRef="x" ovf:fileRef='),
  },
  {
    title: 'a disk that is a descriptor with a FLAT extent',
    reason: /in other files/,
    tell: (all) =>
      replaced(all, 'd.vmdk', (member) => ({
        ...member,
        content: Buffer.from('# Disk DescriptorFile\nRW 2048 FLAT "../../canary" 0\n'),
      })),
  },
  {
    title: 'a thousand files',
    reason: /more than \d+ files/,
    tell: (all) => [
      ...all,
      ...Array.from({ length: 1000 }, (_, index) => ({ name: `f${index}`, content: nothing })),
    ],
  },
]

test.for(hostile)(
  'an OVA with $title is refused, and nothing is written or read elsewhere',
  async (each, context) => {
    needQemuImg(context)
    const { dir, path, look } = await place()
    await writeFile(path, tarOf(each.tell(await smallOva(dir))))
    const { reason, remedy } = await refusalOf(look())
    expect(reason).toMatch(each.reason)
    expect(remedy).toMatch(/\w/)
    expect((await readdir(dir)).toSorted()).toEqual(['a.raw', 'a.vmdk', 'canary', 'image.ova', 'workspace'])
    expect(await readdir(join(dir, 'workspace'))).toEqual([])
  },
)

const wrongDigests: { title: string; reason: RegExp; tell: (all: Member[]) => Member[] }[] = [
  {
    title: 'its disk is another than its manifest says',
    reason: /"d.vmdk" in it does not have the digest/,
    tell: (all) => edited(all, 'm.mf', /(d\.vmdk\)= ).{8}/, '$100000000'),
  },
  {
    title: 'its descriptor is another than its manifest says',
    reason: /"m.ovf" in it does not have the digest/,
    tell: (all) => edited(all, 'm.ovf', '<Name>golden', '<Name>silver'),
  },
  {
    title: 'its manifest leaves the disk out',
    reason: /manifest lacks "d.vmdk"/,
    tell: (all) => edited(all, 'm.mf', /SHA256\(d.*\n/, ''),
  },
  {
    title: 'its manifest is none',
    reason: /a line that is none/,
    tell: (all) => edited(all, 'm.mf', /^/, 'CRC32(d.vmdk)= 0\n'),
  },
]

test.for(wrongDigests)('an OVA is refused if $title', async ({ reason, tell }, context) => {
  needQemuImg(context)
  const { dir, path, look } = await place()
  await writeFile(path, tarOf(tell(await smallOva(dir, { manifest: true }))))
  expect((await refusalOf(look())).reason).toMatch(reason)
})

test('an OVA with a manifest, and one without, are taken', async (context) => {
  needQemuImg(context)
  const hardware = { vcpus: machine.vcpus, memoryMib: machine.memoryMib }
  for (const manifest of [true, false]) {
    const { dir, path, look } = await place()
    await writeFile(path, tarOf(await smallOva(dir, { manifest })))
    expect(await look()).toMatchObject({ disks: [{ format: 'vmdk', sizeBytes: mib }], hardware })
  }
})

test.for([
  ['memory by an older tool’s word for the unit', 'byte * 2^20', 'MegaBytes', { vcpus: 2, memoryMib: 512 }],
  ['memory in GiB', 'byte * 2^20', 'byte * 2^30', { vcpus: 2, memoryMib: 512 * 1024 }],
  ['memory in a unit that nobody knows', 'byte * 2^20', 'furlongs', undefined],
  ['no processors', '>2</rasd:VirtualQuantity>', '>0</rasd:VirtualQuantity>', undefined],
  ['a million processors', '>2</rasd:VirtualQuantity>', '>1000000</rasd:VirtualQuantity>', undefined],
] as const)('hardware is a hint: %s refuses nothing', async ([, from, to, hardware], context) => {
  needQemuImg(context)
  const { dir, path, look } = await place()
  await writeFile(path, tarOf(edited(await smallOva(dir), 'm.ovf', from, to)))
  expect((await look()).hardware).toEqual(hardware)
})

test('an OVA that was cut is refused', async (context) => {
  needQemuImg(context)
  const { dir, path, look } = await place()
  await writeFile(path, tarOf(await smallOva(dir)).subarray(0, -100_000))
  expect((await refusalOf(look())).reason).toContain('longer than the archive')
})

/** A folder with a pipe called `canary`, at which who opens it waits forever. */
async function place() {
  const dir = await temporaryDir()
  execFileSync('mkfifo', [join(dir, 'canary')])
  const path = join(dir, 'image.ova')
  return { dir, path, look: () => withFile(path, (workspace) => unpackOva(workspace, 'in')) }
}
