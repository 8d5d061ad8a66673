import type { LibvirtHost } from '#shared/clouds/onprem/libvirt/connection.ts'
import { checkedUuid } from '#shared/clouds/onprem/libvirt/names.ts'
import { ask } from '#shared/clouds/onprem/libvirt/volumes/base.ts'
import { refusal } from '#shared/clouds/onprem/refusals.ts'

/** Asks a machine's QEMU by way of libvirt, for what libvirt itself has no command for. */
export interface Qmp {
  /** @throws CloudError `conflict` with QEMU's words. */
  execute<T = unknown>(command: string, args?: object): Promise<T>
}

export const qmpOf = (host: LibvirtHost, id: string): Qmp => ({
  async execute<T>(command: string, args?: object) {
    const request = JSON.stringify({ execute: command, ...(args && { arguments: args }) })
    const { text } = await ask(host, ['qemu-monitor-command', checkedUuid(id), request], {
      mutating: !isReading(command, args),
      resource: id,
    })
    const answer = JSON.parse(text) as { return?: T; error?: { class: string; desc: string } }
    if (answer.error)
      throw refusal('machines', `QEMU of machine ${id}, ${command}: ${answer.error.desc}`, {
        code: 'conflict',
        vendorCode: answer.error.class,
      })
    return answer.return as T
  },
})

const isReading = (command: string, args: object = {}): boolean =>
  command.startsWith('query-') || ('command-line' in args && String(args['command-line']).startsWith('info '))
