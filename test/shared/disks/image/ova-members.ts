import { createHash } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { writeOvf } from '#shared/disks/image/ova/ovf-write.ts'
import { tarEnd, tarHeader, tarPadding } from '#shared/disks/image/ova/tar.ts'
import { makeRaw, mib, qemuImg } from '#test/shared/disks/image/files.ts'

/** What the OVAs of the tests say of their machine. */
export const machine = { name: 'golden', vcpus: 2, memoryMib: 512, firmware: 'uefi' as const }

export interface Member {
  name: string
  content: Buffer
  /** Of the header, before its checksum. */
  edit?: (header: Buffer) => void
}

/** A tar archive as we choose, its checksums right. */
export function tarOf(members: Member[]): Buffer {
  const parts = members.flatMap(({ name, content, edit }) => {
    const header = tarHeader(name, content.length, 0)
    if (edit) {
      edit(header)
      header.fill(' ', 148, 156)
      const sum = header.reduce((all, byte) => all + byte, 0)
      header.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148, 'latin1')
    }
    return [header, content, tarPadding(content.length)]
  })
  return Buffer.concat([...parts, tarEnd])
}

/** A small, sound OVA, member by member; with a manifest if asked. */
export async function smallOva(dir: string, { manifest = false } = {}): Promise<Member[]> {
  const raw = await makeRaw(join(dir, 'a.raw'), mib)
  const vmdk = join(dir, 'a.vmdk')
  qemuImg('convert', '-f', 'raw', '-O', 'vmdk', '-o', 'subformat=streamOptimized', raw, vmdk)
  const disk = await readFile(vmdk)
  const ovf = Buffer.from(
    writeOvf({ ...machine, disks: [{ file: 'd.vmdk', sizeBytes: disk.length, capacityBytes: mib }] }),
  )
  const digest = (data: Buffer) => createHash('sha256').update(data).digest('hex')
  const mf = Buffer.from(`SHA256(m.ovf)= ${digest(ovf)}\nSHA256(d.vmdk)= ${digest(disk)}\n`)
  return [
    { name: 'm.ovf', content: ovf },
    ...(manifest ? [{ name: 'm.mf', content: mf }] : []),
    { name: 'd.vmdk', content: disk },
  ]
}

export const replaced = (all: Member[], name: string, change: (member: Member) => Member): Member[] =>
  all.map((member) => (member.name === name ? change(member) : member))
export const edited = (all: Member[], name: string, from: string | RegExp, to: string): Member[] =>
  replaced(all, name, (member) => ({
    ...member,
    content: Buffer.from(member.content.toString('latin1').replace(from, to), 'latin1'),
  }))
/** Makes a header one of a link, or of another type. */
export const linkTo = (target: string, type: string) => (header: Buffer) => {
  header.write(type, 156)
  header.write(target, 157)
}
export const nothing = Buffer.alloc(0)
