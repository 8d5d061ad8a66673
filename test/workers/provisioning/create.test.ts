import { creations } from '#test/workers/provisioning/suites/creations.ts'

creations('aws')
