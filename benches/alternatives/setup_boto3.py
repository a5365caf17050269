"""What would connect a function with a DB instance: DATABASE FUNCTION. Reads what is there, decides, and prints the calls."""

import json
import sys

import boto3

from rules import DATABASE, FUNCTION, pair

database, function = sys.argv[1:]
instance = boto3.client("rds").describe_db_instances(DBInstanceIdentifier=database)["DBInstances"][0]
config = boto3.client("lambda").get_function_configuration(FunctionName=function)
vpc, port = instance["DBSubnetGroup"]["VpcId"], instance["Endpoint"]["Port"]
if instance["DBInstanceStatus"] != "available" or config["State"] != "Active" or config["LastUpdateStatus"] != "Successful":
    sys.exit("database or function is being changed")
if config.get("VpcConfig", {}).get("VpcId") != vpc:
    sys.exit("database and function are in different VPCs")
filters = [{"Name": "vpc-id", "Values": [vpc]}, {"Name": "group-name", "Values": ["rds-lambda-*", "lambda-rds-*"]}]
pages = boto3.client("ec2").get_paginator("describe_security_groups").paginate(Filters=filters, PaginationConfig={"PageSize": 1000})
groups = {group["GroupId"]: group for page in pages for group in page["SecurityGroups"]}
of_database = [member["VpcSecurityGroupId"] for member in instance["VpcSecurityGroups"]]
of_function = config["VpcConfig"]["SecurityGroupIds"]
ours = [id for id in of_database if id in groups]
calls = []
if not pair(groups, ours, [id for id in of_function if id in groups], port):
    # A pair of which the database has its half already.
    found = pair(groups, ours, list(groups), port)
    if not found:
        numbers = [int(group["GroupName"].rsplit("-", 1)[1]) for group in groups.values() if DATABASE.fullmatch(group["GroupName"]) or FUNCTION.fullmatch(group["GroupName"])]
        number = max(numbers, default=0) + 1
        found = f"rds-lambda-{number}", f"lambda-rds-{number}"
        calls += [["CreateSecurityGroup", name, vpc] for name in found]
        calls += [["RevokeSecurityGroupEgress", name] for name in found]
        calls += [["AuthorizeSecurityGroupIngress", found[0], port, found[1]], ["AuthorizeSecurityGroupEgress", found[1], port, found[0]]]
        calls.append(["ModifyDBInstance", database, of_database + [found[0]]])
    calls.append(["UpdateFunctionConfiguration", function, of_function + [found[1]]])
print(json.dumps(calls, indent=2))
