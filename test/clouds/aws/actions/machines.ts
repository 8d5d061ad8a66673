import type { Action } from '#test/clouds/aws/action.ts'
import { describeInstances, getConsoleOutput } from '#test/clouds/aws/actions/compute/instances.ts'
import { modifyInstanceAttribute } from '#test/clouds/aws/actions/compute/modify.ts'
import {
  rebootInstances,
  startInstances,
  stopInstances,
  terminateInstances,
} from '#test/clouds/aws/actions/compute/power.ts'
import { runInstances } from '#test/clouds/aws/actions/compute/run.ts'
import { deregisterImage, describeImages, registerImage } from '#test/clouds/aws/actions/images.ts'
import { networkActions } from '#test/clouds/aws/actions/networks/networks.ts'
import {
  describeAvailabilityZones,
  describeInstanceTypes,
  describeRegions,
} from '#test/clouds/aws/actions/places.ts'
import { createSnapshot, deleteSnapshot, describeSnapshots } from '#test/clouds/aws/actions/snapshots.ts'
import { createTags, deleteTags } from '#test/clouds/aws/actions/tags.ts'
import { attachVolume, detachVolume } from '#test/clouds/aws/actions/volumes/attachments.ts'
import { describeVolumesModifications, modifyVolume } from '#test/clouds/aws/actions/volumes/modify.ts'
import { createVolume, deleteVolume, describeVolumes } from '#test/clouds/aws/actions/volumes/volumes.ts'

/** EC2's actions on machines, their disks and their networks, by the vendor's names. */
export const machineActions: Readonly<Record<string, Action>> = {
  ...networkActions,
  DescribeRegions: describeRegions,
  DescribeAvailabilityZones: describeAvailabilityZones,
  DescribeInstanceTypes: describeInstanceTypes,
  DescribeImages: describeImages,
  RegisterImage: registerImage,
  DeregisterImage: deregisterImage,
  RunInstances: runInstances,
  DescribeInstances: describeInstances,
  StartInstances: startInstances,
  StopInstances: stopInstances,
  RebootInstances: rebootInstances,
  TerminateInstances: terminateInstances,
  ModifyInstanceAttribute: modifyInstanceAttribute,
  GetConsoleOutput: getConsoleOutput,
  DescribeVolumes: describeVolumes,
  CreateVolume: createVolume,
  ModifyVolume: modifyVolume,
  DescribeVolumesModifications: describeVolumesModifications,
  AttachVolume: attachVolume,
  DetachVolume: detachVolume,
  DeleteVolume: deleteVolume,
  CreateSnapshot: createSnapshot,
  DescribeSnapshots: describeSnapshots,
  DeleteSnapshot: deleteSnapshot,
  CreateTags: createTags,
  DeleteTags: deleteTags,
}
