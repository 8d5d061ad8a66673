import { el, toXml } from '#shared/xml.ts'

/** What an OVF descriptor tells of a virtual machine. */
export interface OvfMachine {
  /** Letters, digits and dashes. */
  name: string
  vcpus: number
  memoryMib: number
  firmware: 'bios' | 'uefi'
  /** Boot disk first. `capacityBytes`: of the disk; `sizeBytes`: of its file, VMDK streamOptimized. */
  disks: { file: string; sizeBytes: number; capacityBytes: number }[]
}

/** Writes an OVF 1.0 descriptor (DMTF DSP0243) as VMware, VirtualBox and virt-v2v read it: SCSI disks, one network card. */
export function writeOvf({ name, vcpus, memoryMib, firmware, disks }: OvfMachine): string {
  const envelope = el(
    'Envelope',
    namespaces,
    el(
      'References',
      {},
      ...disks.map(({ file, sizeBytes }, index) =>
        el('File', { 'ovf:id': `file${index + 1}`, 'ovf:href': file, 'ovf:size': sizeBytes }),
      ),
    ),
    el('DiskSection', {}, el('Info', {}, 'Virtual disks'), ...disks.map(diskElement)),
    el(
      'NetworkSection',
      {},
      el('Info', {}, 'Networks'),
      el('Network', { 'ovf:name': networkName }, el('Description', {}, 'The first network')),
    ),
    el(
      'VirtualSystem',
      { 'ovf:id': name },
      el('Info', {}, 'A virtual machine'),
      el('Name', {}, name),
      // 102: "Other 64-Bit" in CIM's list of operating systems.
      el(
        'OperatingSystemSection',
        { 'ovf:id': 102 },
        el('Info', {}, 'The guest'),
        el('Description', {}, 'Other'),
      ),
      el(
        'VirtualHardwareSection',
        {},
        el('Info', {}, 'Hardware'),
        systemElement(name),
        ...hardware({ vcpus, memoryMib, diskCount: disks.length }),
        ...(firmware === 'uefi'
          ? [el('vmw:Config', { 'ovf:required': 'false', 'vmw:key': 'firmware', 'vmw:value': 'efi' })]
          : []),
      ),
    ),
  )
  return `<?xml version="1.0" encoding="UTF-8"?>\n${toXml(envelope)}\n`
}

const ovf = 'http://schemas.dmtf.org/ovf/envelope/1'
const cim = 'http://schemas.dmtf.org/wbem/wscim/1/cim-schema/2'
const namespaces = {
  xmlns: ovf,
  'xmlns:ovf': ovf,
  'xmlns:rasd': `${cim}/CIM_ResourceAllocationSettingData`,
  'xmlns:vssd': `${cim}/CIM_VirtualSystemSettingData`,
  'xmlns:vmw': 'http://www.vmware.com/schema/ovf',
}
const networkName = 'VM Network'

const diskElement = ({ capacityBytes }: OvfMachine['disks'][number], index: number) =>
  el('Disk', {
    'ovf:diskId': `vmdisk${index + 1}`,
    'ovf:capacity': capacityBytes,
    'ovf:capacityAllocationUnits': 'byte',
    'ovf:fileRef': `file${index + 1}`,
    'ovf:format': 'http://www.vmware.com/interfaces/specifications/vmdk.html#streamOptimized',
  })

const systemElement = (name: string) =>
  el(
    'System',
    {},
    el('vssd:ElementName', {}, 'Virtual Hardware Family'),
    el('vssd:InstanceID', {}, '0'),
    el('vssd:VirtualSystemIdentifier', {}, name),
    // Since ESXi 6.5; older ones know no larger disks and no UEFI worth having.
    el('vssd:VirtualSystemType', {}, 'vmx-13'),
  )

/** CIM's resource types: 3 processor, 4 memory, 6 SCSI controller, 10 network card, 17 disk. Their properties go in alphabetical order. */
function hardware({ vcpus, memoryMib, diskCount }: { vcpus: number; memoryMib: number; diskCount: number }) {
  const controller = 3
  const items: Record<string, string | number>[] = [
    { ElementName: `${vcpus} vCPU`, InstanceID: 1, ResourceType: 3, VirtualQuantity: vcpus },
    {
      AllocationUnits: 'byte * 2^20',
      ElementName: `${memoryMib} MiB of memory`,
      InstanceID: 2,
      ResourceType: 4,
      VirtualQuantity: memoryMib,
    },
    { Address: 0, ElementName: 'SCSI', InstanceID: controller, ResourceSubType: 'lsilogic', ResourceType: 6 },
    ...Array.from({ length: diskCount }, (_, index) => ({
      // 7 is the controller's own.
      AddressOnParent: index < 7 ? index : index + 1,
      ElementName: `disk ${index + 1}`,
      HostResource: `ovf:/disk/vmdisk${index + 1}`,
      InstanceID: 10 + index,
      Parent: controller,
      ResourceType: 17,
    })),
    {
      AddressOnParent: 7,
      AutomaticAllocation: 'true',
      Connection: networkName,
      ElementName: 'network card',
      InstanceID: 4,
      ResourceSubType: 'E1000',
      ResourceType: 10,
    },
  ]
  return items.map((item) =>
    el('Item', {}, ...Object.entries(item).map(([key, value]) => el(`rasd:${key}`, {}, `${value}`))),
  )
}
