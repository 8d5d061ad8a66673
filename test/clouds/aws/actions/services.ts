import type { Action } from '#test/clouds/aws/action.ts'
import {
  createFlowLogs,
  describeFlowLogs,
  describeInstanceAttribute,
  disableEbsEncryptionByDefault,
  enableEbsEncryptionByDefault,
  enableSerialConsoleAccess,
  enableSnapshotBlockPublicAccess,
  getEbsEncryptionByDefault,
  getSerialConsoleAccessStatus,
  getSnapshotBlockPublicAccessState,
  modifySnapshotAttribute,
} from '#test/clouds/aws/actions/account.ts'
import { describeSpotPriceHistory } from '#test/clouds/aws/actions/spot-prices.ts'
import { cancelExportTask, describeExportImageTasks, exportImage } from '#test/clouds/aws/images/export.ts'
import { createImage } from '#test/clouds/aws/images/from-instance.ts'
import { cancelImportTask, describeImportImageTasks, importImage } from '#test/clouds/aws/images/import.ts'

/** EC2's actions on images, on settings of the account and on spot prices, by the vendor's names. */
export const serviceActions: Readonly<Record<string, Action>> = {
  CreateImage: createImage,
  ImportImage: importImage,
  DescribeImportImageTasks: describeImportImageTasks,
  CancelImportTask: cancelImportTask,
  ExportImage: exportImage,
  DescribeExportImageTasks: describeExportImageTasks,
  CancelExportTask: cancelExportTask,
  DescribeSpotPriceHistory: describeSpotPriceHistory,
  DisableEbsEncryptionByDefault: disableEbsEncryptionByDefault,
  EnableEbsEncryptionByDefault: enableEbsEncryptionByDefault,
  GetEbsEncryptionByDefault: getEbsEncryptionByDefault,
  GetSnapshotBlockPublicAccessState: getSnapshotBlockPublicAccessState,
  EnableSnapshotBlockPublicAccess: enableSnapshotBlockPublicAccess,
  GetSerialConsoleAccessStatus: getSerialConsoleAccessStatus,
  EnableSerialConsoleAccess: enableSerialConsoleAccess,
  DescribeInstanceAttribute: describeInstanceAttribute,
  ModifySnapshotAttribute: modifySnapshotAttribute,
  CreateFlowLogs: createFlowLogs,
  DescribeFlowLogs: describeFlowLogs,
}
