import { lateSweep } from '#test/shared/clouds/conformance.ts'
import { openSubject } from '#test/shared/clouds/gcp/subject.ts'

// A build takes longer than the inventory takes to settle, as it does in the real cloud.
lateSweep('Google Cloud', () =>
  openSubject({ delaysMs: { operation: 4, vm: 15, snapshot: 10, image: 10, visible: 20, build: 400 } }),
)
