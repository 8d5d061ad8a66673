import { conformanceSweep } from '#test/shared/clouds/conformance.ts'
import { openSubject } from '#test/shared/clouds/azure/subject.ts'

conformanceSweep('Azure', openSubject)
