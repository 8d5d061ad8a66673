import { cloudSuites } from '#test/workers/resources/suites.ts'

cloudSuites('azure')
