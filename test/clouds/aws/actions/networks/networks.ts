import type { Action } from '#test/clouds/aws/action.ts'
import {
  allocateAddress,
  associateAddress,
  describeAddresses,
  disassociateAddress,
  releaseAddress,
} from '#test/clouds/aws/actions/networks/addresses.ts'
import {
  attachInternetGateway,
  createInternetGateway,
  createRoute,
  deleteInternetGateway,
  describeInternetGateways,
  describeRouteTables,
  detachInternetGateway,
} from '#test/clouds/aws/actions/networks/gateways.ts'
import {
  createSecurityGroup,
  deleteSecurityGroup,
  describeSecurityGroups,
} from '#test/clouds/aws/actions/networks/groups.ts'
import {
  createNetworkInterface,
  deleteNetworkInterface,
  describeNetworkInterfaces,
} from '#test/clouds/aws/actions/networks/interfaces.ts'
import {
  authorizeSecurityGroupEgress,
  authorizeSecurityGroupIngress,
  revokeSecurityGroupEgress,
  revokeSecurityGroupIngress,
  updateRuleDescriptionsEgress,
  updateRuleDescriptionsIngress,
} from '#test/clouds/aws/actions/networks/rules.ts'
import {
  createSubnet,
  deleteSubnet,
  describeSubnets,
  modifySubnetAttribute,
} from '#test/clouds/aws/actions/networks/subnets.ts'
import { createVpc, deleteVpc, describeVpcs } from '#test/clouds/aws/actions/networks/vpcs.ts'

/** EC2's actions on networks, by the vendor's names. */
export const networkActions: Readonly<Record<string, Action>> = {
  DescribeVpcs: describeVpcs,
  CreateVpc: createVpc,
  DeleteVpc: deleteVpc,
  DescribeSubnets: describeSubnets,
  CreateSubnet: createSubnet,
  ModifySubnetAttribute: modifySubnetAttribute,
  DeleteSubnet: deleteSubnet,
  DescribeInternetGateways: describeInternetGateways,
  CreateInternetGateway: createInternetGateway,
  AttachInternetGateway: attachInternetGateway,
  DetachInternetGateway: detachInternetGateway,
  DeleteInternetGateway: deleteInternetGateway,
  DescribeRouteTables: describeRouteTables,
  CreateRoute: createRoute,
  DescribeSecurityGroups: describeSecurityGroups,
  CreateSecurityGroup: createSecurityGroup,
  DeleteSecurityGroup: deleteSecurityGroup,
  AuthorizeSecurityGroupIngress: authorizeSecurityGroupIngress,
  AuthorizeSecurityGroupEgress: authorizeSecurityGroupEgress,
  RevokeSecurityGroupIngress: revokeSecurityGroupIngress,
  RevokeSecurityGroupEgress: revokeSecurityGroupEgress,
  UpdateSecurityGroupRuleDescriptionsIngress: updateRuleDescriptionsIngress,
  UpdateSecurityGroupRuleDescriptionsEgress: updateRuleDescriptionsEgress,
  DescribeAddresses: describeAddresses,
  AllocateAddress: allocateAddress,
  AssociateAddress: associateAddress,
  DisassociateAddress: disassociateAddress,
  ReleaseAddress: releaseAddress,
  DescribeNetworkInterfaces: describeNetworkInterfaces,
  CreateNetworkInterface: createNetworkInterface,
  DeleteNetworkInterface: deleteNetworkInterface,
}
