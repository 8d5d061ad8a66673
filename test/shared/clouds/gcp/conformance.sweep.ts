import { conformanceSweep } from '#test/shared/clouds/conformance.ts'
import { openSubject } from '#test/shared/clouds/gcp/subject.ts'

conformanceSweep('Google Cloud', openSubject)
