"""Whether the connections of a file are as they were made: a database and a function on each line. Status 2 if one is not."""

import sys

import boto3

from rules import pair


def listed(service, operation, key, **parameters):
    pages = boto3.client(service).get_paginator(operation).paginate(**parameters)
    return [item for page in pages for item in page[key]]


groups = {group["GroupId"]: group for group in listed("ec2", "describe_security_groups", "SecurityGroups", PaginationConfig={"PageSize": 1000})}
instances = {instance["DBInstanceIdentifier"]: instance for instance in listed("rds", "describe_db_instances", "DBInstances")}
functions = {function["FunctionName"]: function for function in listed("lambda", "list_functions", "Functions")}
drifted = 0
for line in open(sys.argv[1]):
    database, function = line.split()
    if database not in instances or function not in functions:
        found = "database or function is gone"
    else:
        of_database = [member["VpcSecurityGroupId"] for member in instances[database]["VpcSecurityGroups"]]
        of_function = functions[function].get("VpcConfig", {}).get("SecurityGroupIds", [])
        port = instances[database]["Endpoint"]["Port"]
        found = "" if pair(groups, of_database, of_function, port) else "no pair of groups connects them"
    print(database, function, found or "in sync")
    drifted += bool(found)
sys.exit(2 if drifted else 0)
