import { access } from 'node:fs/promises'

/** A build of OVMF: the code that all machines share, and the variables that each gets its own copy of. */
export interface UefiFirmware {
  code: string
  variables: string
}

/** Where distributions put OVMF without Secure Boot (Debian, Ubuntu; Fedora, RHEL; Arch; QEMU's own build). Undefined: there is none. */
export async function findUefi(): Promise<UefiFirmware | undefined> {
  for (const candidate of candidates) if (await isThere(candidate)) return candidate
  return undefined
}

const candidates: readonly UefiFirmware[] = [
  { code: '/usr/share/OVMF/OVMF_CODE_4M.fd', variables: '/usr/share/OVMF/OVMF_VARS_4M.fd' },
  { code: '/usr/share/OVMF/OVMF_CODE.fd', variables: '/usr/share/OVMF/OVMF_VARS.fd' },
  { code: '/usr/share/edk2/ovmf/OVMF_CODE.fd', variables: '/usr/share/edk2/ovmf/OVMF_VARS.fd' },
  { code: '/usr/share/edk2/x64/OVMF_CODE.4m.fd', variables: '/usr/share/edk2/x64/OVMF_VARS.4m.fd' },
  { code: '/usr/share/qemu/edk2-x86_64-code.fd', variables: '/usr/share/qemu/edk2-i386-vars.fd' },
]

const isThere = ({ code, variables }: UefiFirmware): Promise<boolean> =>
  Promise.all([access(code), access(variables)]).then(
    () => true,
    () => false,
  )
