import { lateSweep } from '#test/shared/clouds/conformance.ts'
import { openSubject } from '#test/shared/clouds/aws/subject.ts'

lateSweep('AWS', openSubject)
