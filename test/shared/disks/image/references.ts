import { readFile, writeFile } from 'node:fs/promises'
import { dirname, join, relative } from 'node:path'
import type { DiskFormat } from '#shared/disks/image/formats.ts'
import { mib, qemuImg } from '#test/shared/disks/image/files.ts'

/** An image file that sends its reader to another file. */
export interface Reference {
  title: string
  format: DiskFormat
  /** What it is refused for. */
  reason: RegExp
  /** Makes it, while `target` is an empty file that may be written to. */
  make(path: string, target: string): Promise<void>
}

const flatDescriptor = (name: string) =>
  [
    '# Disk DescriptorFile',
    'version=1',
    'CID=12345678',
    'parentCID=ffffffff',
    'createType="monolithicFlat"',
    `RW ${mib / 512} FLAT "${name}" 0`,
    'ddb.adapterType = "ide"',
    '',
  ].join('\n')

/** From where the image lies when it is looked at: in a workspace beside it (see `withFile`). */
const wayTo = (path: string, target: string) => relative(join(dirname(path), 'workspace', 'one'), target)

const sparseVmdk = (path: string) =>
  qemuImg('create', '-q', '-f', 'vmdk', '-o', 'subformat=monolithicSparse', path, '1M')

/** Rewrites the text that a VMDK carries in its second sector. */
async function editDescriptor(path: string, edit: (text: string) => string): Promise<void> {
  const bytes = await readFile(path)
  const text = bytes.toString('latin1', 512, 21 * 512).replace(/\0.*$/s, '')
  bytes.fill(0, 512, 21 * 512)
  bytes.write(edit(text), 512, 'latin1')
  await writeFile(path, bytes)
}

export const references: Reference[] = [
  {
    title: 'QCOW2 with a backing file',
    format: 'qcow2',
    reason: /backing file/,
    make: async (path, target) => {
      qemuImg('create', '-q', '-f', 'qcow2', '-u', '-b', target, '-F', 'raw', path, '1M')
    },
  },
  {
    title: 'QCOW2 with a backing file by a path relative to itself',
    format: 'qcow2',
    reason: /backing file/,
    make: async (path, target) => {
      const way = wayTo(path, target)
      qemuImg('create', '-q', '-f', 'qcow2', '-u', '-b', way, '-F', 'raw', path, '1M')
    },
  },
  {
    title: 'QCOW2 with a backing file behind a pseudo-protocol',
    format: 'qcow2',
    reason: /backing file/,
    make: async (path, target) => {
      const way = `json:{"driver":"raw","file":{"driver":"file","filename":"${target}"}}`
      qemuImg('create', '-q', '-f', 'qcow2', '-u', '-b', way, '-F', 'raw', path, '1M')
    },
  },
  {
    title: 'QCOW2 with a data file',
    format: 'qcow2',
    reason: /data file/,
    make: async (path, target) => {
      qemuImg('create', '-q', '-f', 'qcow2', '-o', `data_file=${target},data_file_raw=on`, path, '1M')
    },
  },
  {
    title: 'VMDK that is a descriptor with a FLAT extent',
    format: 'vmdk',
    reason: /in other files/,
    make: (path, target) => writeFile(path, flatDescriptor(target)),
  },
  {
    title: 'VMDK that is a descriptor with a FLAT extent by a relative path',
    format: 'vmdk',
    reason: /in other files/,
    make: (path, target) => writeFile(path, flatDescriptor(wayTo(path, target))),
  },
  {
    title: 'VMDK that is a descriptor without the usual first line',
    format: 'vmdk',
    reason: /nothing in it says so/,
    make: (path, target) =>
      writeFile(path, flatDescriptor(target).replace('# Disk DescriptorFile', '# descriptor')),
  },
  {
    title: 'VMDK whose header has no size, with a FLAT extent in its descriptor',
    format: 'vmdk',
    reason: /in other files/,
    make: async (path, target) => {
      sparseVmdk(path)
      await editDescriptor(path, () => flatDescriptor(target))
      const bytes = await readFile(path)
      bytes.writeBigUInt64LE(0n, 12)
      await writeFile(path, bytes)
    },
  },
  {
    title: 'VMDK with a parent in its descriptor',
    format: 'vmdk',
    reason: /a parent/,
    make: async (path, target) => {
      sparseVmdk(path)
      await editDescriptor(path, (text) =>
        text.replace(/parentCID=\w+/, `parentCID=00000000\nparentFileNameHint="${target}"`),
      )
    },
  },
  {
    title: 'VMDK with a parent where its header does not point but readers look',
    format: 'vmdk',
    reason: /a parent/,
    make: async (path, target) => {
      sparseVmdk(path)
      await editDescriptor(path, (text) =>
        text.replace(/parentCID=\w+/, `parentCID=00000000\nparentFileNameHint="${target}"`),
      )
      const bytes = Buffer.concat([await readFile(path), Buffer.alloc(512)])
      bytes.writeBigUInt64LE(BigInt(Math.floor(bytes.length / 512) - 1), 28)
      bytes.writeBigUInt64LE(1n, 36)
      await writeFile(path, bytes)
    },
  },
  {
    title: 'VMDK that holds its data, with a FLAT extent in its descriptor',
    format: 'vmdk',
    reason: /extent of type FLAT/,
    make: async (path, target) => {
      sparseVmdk(path)
      await editDescriptor(path, (text) => text.replace(/^RW .*$/m, `RW ${mib / 512} FLAT "${target}" 0`))
    },
  },
]
