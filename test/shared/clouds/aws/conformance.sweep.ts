import { conformanceSweep } from '#test/shared/clouds/conformance.ts'
import { openSubject } from '#test/shared/clouds/aws/subject.ts'

conformanceSweep('AWS', openSubject)
