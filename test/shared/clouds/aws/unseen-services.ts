import type { Operation } from '#shared/clouds/operations.ts'
import { unseenMachineCalls } from '#test/shared/clouds/aws/unseen.ts'

const lateExport = 'only for an export that nobody followed to its end: late-exports.sweep.ts'

/** Declared calls that the conformance suite does not provoke, each with the reason. */
export const unseenServiceCalls: Readonly<Partial<Record<Operation, Readonly<Record<string, string>>>>> = {
  'images.delete': {
    DeleteSnapshot: 'only for a snapshot that EC2 did not delete with its image',
  },
  'images.taskState': {
    ListMultipartUploads: 'only for files of more than 5 GiB',
    CreateMultipartUpload: 'only for files of more than 5 GiB',
    UploadPartCopy: 'only for files of more than 5 GiB',
    CompleteMultipartUpload: 'only for files of more than 5 GiB',
    AbortMultipartUpload: 'only for files of more than 5 GiB',
  },
  'inventory.remove': {
    ...unseenMachineCalls['inventory.remove'],
    CancelImportTask: 'only for an import under way; see the tests of images',
    CancelExportTask: 'only for an export under way; see the tests of images',
    DescribeExportImageTasks: lateExport,
    ListMultipartUploads: lateExport,
    AbortMultipartUpload: lateExport,
    DeleteObject: lateExport,
  },
}
