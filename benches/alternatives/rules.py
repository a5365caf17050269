"""What both boto3 scripts know of groups: the names of the convention, and which rules a pair has."""

import re

DATABASE = re.compile(r"rds-lambda-\d+")
FUNCTION = re.compile(r"lambda-rds-\d+")


def only_rule(permissions, port, group):
    """Whether this is the only rule: TCP on the port, for the members of the group."""
    if len(permissions) != 1:
        return False
    rule = permissions[0]
    ranges = rule.get("IpRanges", []) + rule.get("Ipv6Ranges", []) + rule.get("PrefixListIds", [])
    ports = (rule["IpProtocol"], rule.get("FromPort"), rule.get("ToPort"))
    return ports == ("tcp", port, port) and not ranges and [pair["GroupId"] for pair in rule["UserIdGroupPairs"]] == [group]


def pair(groups, of_database, of_function, port):
    """The groups of a connection, among those of its two ends."""
    for database in (groups[id] for id in of_database if DATABASE.fullmatch(groups[id]["GroupName"])):
        for function in (groups[id] for id in of_function if FUNCTION.fullmatch(groups[id]["GroupName"])):
            lets_in = only_rule(database["IpPermissions"], port, function["GroupId"])
            if lets_in and only_rule(function["IpPermissionsEgress"], port, database["GroupId"]) and not function["IpPermissions"]:
                return database["GroupId"], function["GroupId"]
    return None
