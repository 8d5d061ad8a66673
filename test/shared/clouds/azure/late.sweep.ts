import { lateSweep } from '#test/shared/clouds/conformance.ts'
import { openSubject } from '#test/shared/clouds/azure/subject.ts'

lateSweep('Azure', openSubject)
