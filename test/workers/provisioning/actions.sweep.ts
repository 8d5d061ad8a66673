import { actions } from '#test/workers/provisioning/suites/actions.ts'

actions('azure')
