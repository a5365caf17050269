"""Creates a stack of a template in moto's CloudFormation, and prints the ids of its security groups by their logical ids.

moto builds no AWS::EC2::SecurityGroupEgress: it is made here as CloudFormation makes it, which takes the default outbound
rule out of a group as soon as it adds another one.
"""

import json
import sys

import boto3
from yaml import safe_load

path, endpoint, region, parameters = sys.argv[1:]
body = open(path).read()
keys = {"aws_access_key_id": region, "aws_secret_access_key": "test"}
cloudformation = boto3.client("cloudformation", region, endpoint_url=endpoint, **keys)
ec2 = boto3.client("ec2", region, endpoint_url=endpoint, **keys)
given = [{"ParameterKey": key, "ParameterValue": value} for key, value in json.loads(parameters).items()]
cloudformation.create_stack(StackName="exported", TemplateBody=body, Parameters=given)
resources = cloudformation.list_stack_resources(StackName="exported")["StackResourceSummaries"]
ids = {found["LogicalResourceId"]: found["PhysicalResourceId"] for found in resources}


def value(found):
    """A property, where it refers to a group of the stack."""
    return ids[found["Fn::GetAtt"][0]] if isinstance(found, dict) else found


for resource in safe_load(body)["Resources"].values():
    if resource["Type"] != "AWS::EC2::SecurityGroupEgress":
        continue
    rule = resource["Properties"]
    group = value(rule["GroupId"])
    anywhere = [{"IpProtocol": "-1", "IpRanges": [{"CidrIp": "0.0.0.0/0"}]}]
    ec2.revoke_security_group_egress(GroupId=group, IpPermissions=anywhere)
    pair = {"GroupId": value(rule["DestinationSecurityGroupId"]), "Description": rule["Description"]}
    permission = {"IpProtocol": rule["IpProtocol"], "FromPort": rule["FromPort"], "ToPort": rule["ToPort"]}
    ec2.authorize_security_group_egress(GroupId=group, IpPermissions=[{**permission, "UserIdGroupPairs": [pair]}])
json.dump(ids, sys.stdout)
