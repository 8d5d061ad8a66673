import { cloudSuites } from '#test/workers/resources/suites.ts'

cloudSuites('gcp')
