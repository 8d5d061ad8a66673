import { readFileSync } from 'node:fs'
import { findProgram } from './find.ts'

/**
 * Command that runs a program and buries every process that the program's own leave behind, as init does. Where init is slow to (in containers
 * it often is), libvirt waits more than a second for each guest that it ends. Without perl, or on another processor, the program alone.
 */
export function reaped(program: string, words: string[]): { program: string; words: string[] } {
  const perl = findProgram('perl')
  const prctl = { x64: 157, arm64: 167 }[process.arch as string]
  if (perl === undefined || prctl === undefined) return { program, words }
  return { program: perl, words: ['-e', script(prctl), program, ...words] }
}

/** The program's own number; of one that runs alone that of `pid`. */
export function pidBehind(pid: number): number {
  const [child] = readFileSync(`/proc/${pid}/task/${pid}/children`, 'latin1').trim().split(' ')
  const isReaper = readFileSync(`/proc/${pid}/cmdline`, 'latin1').includes('waitpid')
  return isReaper && child ? Number(child) : pid
}

/** PR_SET_CHILD_SUBREAPER is 36: prctl(2). */
const script = (prctl: number): string =>
  [
    `syscall(${prctl}, 36, 1, 0, 0, 0);`,
    'my $child = fork;',
    'exec @ARGV if $child == 0;',
    '$SIG{TERM} = sub { kill "TERM", $child };',
    'for (;;) { my $ended = waitpid(-1, 0); exit($? >> 8) if $ended == $child; exit 1 if $ended < 0 && $! != 4 }',
  ].join(' ')
