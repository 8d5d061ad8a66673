import { HostError } from '#shared/clouds/onprem/gate.ts'

/**
 * One line for virsh's prompt. It reads a line as a shell does: words, quotes, `;` and `#`.
 * @throws HostError `invalid_request` for what a prompt would take as a key stroke (control characters, all beyond ASCII).
 */
export const commandLine = (words: readonly string[]): string => words.map(quoted).join(' ')

function quoted(word: string): string {
  if (!/^[\x20-\x7e]*$/.test(word))
    throw new HostError('invalid_request', `${JSON.stringify(word)} holds characters that no name may have`)
  return /^[\w./:=@,+%-]+$/.test(word) ? word : `"${word.replaceAll(/["\\]/g, String.raw`\$&`)}"`
}
