import { refused } from '#shared/disks/image/refuse.ts'

/**
 * Refuses a descriptor, in a file that holds its own data, by which a reader would go to another one: extents of other kinds than the file's own,
 * a name that leads to another folder, a parent.
 * @param sectors what the file's header says is the disk's size
 */
export function checkDescriptor(text: Buffer, sectors: bigint): void {
  let extents = 0
  for (const line of text.toString('latin1').split(/[\r\n\0]+/)) {
    const extent = /^\s*(?:RW|RDONLY|NOACCESS)\s+(\d{1,18})\s+(\S+)(?:\s+"([^"]*)"?)?/i.exec(line)
    if (extent) {
      const [, size = '', kind = '', name = ''] = extent
      extents += 1
      if (kind.toUpperCase() !== 'SPARSE')
        throw refused(`it names a file beside itself (an extent of type ${kind.slice(0, 20)})`, oneFile)
      if (/[/\\]/.test(name) || name === '..')
        throw refused('it names a file in another folder as its extent', oneFile)
      if (BigInt(size) !== sectors)
        throw refused(`its descriptor says ${size} sectors, its header ${sectors}`)
    }
    const setting = /^\s*(\w+)\s*=\s*"?([^"]*)"?\s*$/.exec(line)
    if (setting) checkSetting(setting[1]?.toLowerCase() ?? '', setting[2]?.trim() ?? '')
  }
  if (extents > 1) throw refused(`its data is in ${extents} files`, oneFile)
  // What a stricter reading of the lines might overlook.
  if (/parentFileNameHint/i.test(text.toString('latin1'))) throw builtOn()
}

function checkSetting(name: string, value: string): void {
  if (name === 'parentcid' && !/^f{8}$/i.test(value)) throw builtOn()
  if (name === 'createtype' && !/^(monolithicSparse|streamOptimized)$/i.test(value))
    throw refused(`it is a VMDK of type ${value.slice(0, 40)}, which is more than one file`, oneFile)
}

const builtOn = () => refused('it builds on another file (a parent)', oneFile)
const oneFile =
  'Export it as one file: qemu-img convert -O vmdk -o subformat=streamOptimized IN OUT, or as OVA.'
