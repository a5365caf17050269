"""The second AWS peer of the tests: ministack over HTTP on loopback, an emulator that shares no code with moto.

Prints the port it listens on, and ends when its standard input ends, that is, with the tests. It keeps everything apart by
Region, and logs every request (POST /_peer/log). What it says is not corrected, except where nothing could be asked of it
otherwise; each correction says what AWS does. docs/emulators.md lists the differences that stay.
"""

import asyncio
import fnmatch
import json
import os
import re
import socket
import sys
import threading
import urllib.parse

# Databases and functions are records only: no containers, and no listeners beside the one of this script.
os.environ.update(
    MINISTACK_ACCOUNT_ID="123456789012",
    DOCKER_HOST="unix:///nonexistent",
    IOT_MTLS_ENABLED="0",
    SFTP_ENABLED="0",
    LOG_LEVEL="WARNING",
)

import operations  # noqa: E402
from hypercorn.asyncio import serve  # noqa: E402
from hypercorn.config import Config  # noqa: E402
from ministack.app import app  # noqa: E402
from ministack.services import ec2, rds  # noqa: E402

LOG = []


# AWS applies all filters that it documents, with `*` and `?` in their values; ministack applies those on tags, and `vpc-id` and
# `group-name` without wildcards, and leaves the others out: autoconnect refuses such an answer.
def describe_security_groups(parameters, describe=ec2._describe_security_groups):
    filters = ec2._parse_filters(parameters)
    fits = [group for group in ec2._security_groups.values() if all(has(group, *wanted) for wanted in filters.items())]
    asked = ec2._parse_member_list(parameters, "GroupId")
    if not filters or asked:
        return describe(parameters)
    if not fits:
        return ec2._xml(200, "DescribeSecurityGroupsResponse", "<securityGroupInfo/>")
    return describe({f"GroupId.{n}": [group["GroupId"]] for n, group in enumerate(fits, 1)})


def has(group, name, patterns):
    if name.startswith("tag:") or name in ("tag-key", "tag-value"):
        return ec2._resource_matches_tag_filters(group["GroupId"], {name: patterns})
    rules = group["IpPermissionsEgress" if name.startswith("egress.") else "IpPermissions"]
    found = {
        "group-id": [group["GroupId"]],
        "group-name": [group["GroupName"]],
        "vpc-id": [group["VpcId"]],
        "ip-permission.group-id": [pair["GroupId"] for rule in rules for pair in rule["UserIdGroupPairs"]],
    }[name.removeprefix("egress.")]
    return any(fnmatch.fnmatchcase(value, pattern) for value in found for pattern in patterns)


ec2._ACTION_MAP["DescribeSecurityGroups"] = describe_security_groups


# On AWS an instance of a cluster is in the cluster's subnet group; in ministack it is in one without subnets, in another VPC.
def create_db_instance(parameters, create=rds._ACTION_MAP["CreateDBInstance"]):
    cluster = rds._clusters.get(rds._p(parameters, "DBClusterIdentifier"))
    if cluster:
        parameters = {**parameters, "DBSubnetGroupName": [cluster["DBSubnetGroup"]]}
    return create(parameters)


rds._ACTION_MAP["CreateDBInstance"] = create_db_instance


# AWS lists a cluster without health, and each of its instances with it; ministack lists the cluster alone, with its health.
# Whether a target is available is ministack's own answer: not while its database is stopped.
def describe_db_proxy_targets(parameters):
    proxy, error = rds._resolve_db_proxy_target_group(parameters)
    if error:
        return error
    rows = []
    for target in proxy["Targets"]:
        row = rds._db_proxy_target_xml(rds._db_proxy_target_view(target))
        if target["Type"] == "TRACKED_CLUSTER":
            row = re.sub(r"(?s)<Role>.*</TargetHealth>", "", row)
        rows.append(row)
        rows += [rds._db_proxy_target_xml(rds._db_proxy_target_view(member)) for member in members(target)]
    listed = "".join(f"<member>{row}</member>" for row in rows)
    answer = f"<DescribeDBProxyTargetsResult><Targets>{listed}</Targets></DescribeDBProxyTargetsResult>"
    return rds._xml(200, "DescribeDBProxyTargetsResponse", answer)


def members(target):
    """The instances of a target that is a cluster, as targets."""
    cluster = rds._clusters.get(target["RdsResourceId"]) if target["Type"] == "TRACKED_CLUSTER" else None
    for member in (cluster or {}).get("DBClusterMembers", []):
        yield {
            "TrackedClusterId": target["RdsResourceId"],
            "RdsResourceId": member["DBInstanceIdentifier"],
            "Type": "RDS_INSTANCE",
            "Role": "READ_WRITE" if member["IsClusterWriter"] else "READ_ONLY",
        }


rds._ACTION_MAP["DescribeDBProxyTargets"] = describe_db_proxy_targets


# AWS lists the versions of all launch templates that are asked for by $Latest and $Default; ministack wants one template.
def describe_launch_template_versions(parameters, describe=ec2._describe_launch_template_versions):
    if any(ec2._p(parameters, name) for name in ("LaunchTemplateId", "LaunchTemplateName")):
        return describe(parameters)
    return ec2._xml(200, "DescribeLaunchTemplateVersionsResponse", "<launchTemplateVersionSet/>")


ec2._ACTION_MAP["DescribeLaunchTemplateVersions"] = describe_launch_template_versions


async def peer(request, receive, send):
    if request["type"] != "http":
        return await app(request, receive, send)
    body = await whole(receive)
    path = urllib.parse.unquote(request["path"])
    if path == "/_peer/log":
        region = json.loads(body)["region"]
        return await answer(send, [entry for entry in LOG if entry["region"] == region])
    headers = {name.decode().lower(): value.decode() for name, value in request["headers"]}
    key, region, service = operations.scope(headers.get("authorization", ""))
    if service == "iam":
        # IAM has no Region: the access key names that of the test.
        region = key
    action = operations.action(service, request["method"], path, headers.get("x-amz-target"), body)
    LOG.append({"region": region, "service": service, "action": action, "key": key})
    # AWS lists no capacity providers where there are none; ministack takes the path for that of a function.
    if action == "ListCapacityProviders":
        return await answer(send, {"CapacityProviders": []})
    told = False

    async def again():
        nonlocal told
        if told:
            return await receive()
        told = True
        return {"type": "http.request", "body": body, "more_body": False}

    return await app(request, again, send)


async def whole(receive):
    """The body of a request."""
    parts = []
    while True:
        message = await receive()
        parts.append(message.get("body", b""))
        if not message.get("more_body"):
            return b"".join(parts)


async def answer(send, value):
    body = json.dumps(value).encode()
    headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": body})


def end_with_the_tests():
    sys.stdin.read()
    os._exit(0)


if __name__ == "__main__":
    listener = socket.create_server(("127.0.0.1", 0))
    port = listener.getsockname()[1]
    os.environ["GATEWAY_PORT"] = str(port)
    threading.Thread(target=end_with_the_tests, daemon=True).start()
    config = Config()
    config.bind = [f"fd://{listener.detach()}"]
    config.loglevel = "WARNING"
    # Connections that reach the socket before the server does wait there.
    print(port, flush=True)
    asyncio.run(serve(peer, config))
