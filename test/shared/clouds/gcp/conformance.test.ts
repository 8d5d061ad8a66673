import { conformance } from '#test/shared/clouds/conformance.ts'
import { openSubject } from '#test/shared/clouds/gcp/subject.ts'

conformance('Google Cloud', openSubject)
