import { throttled } from '#test/workers/throttled.ts'

throttled(['azure', 'gcp'])
