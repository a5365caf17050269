"""Which operation of AWS a request is. Both peers write it to their log."""

import re
import urllib.parse

# The paths of Lambda whose operations the log tells apart. moto does not know the last two, as the Lambda of a Region without them.
LAMBDA_PATHS = [
    ("/aliases", "ListAliases"),
    ("/versions", "PublishVersion"),
    ("/capacity-providers", "ListCapacityProviders"),
    ("/network-connectors", "ListNetworkConnectors"),
]


def scope(authorization):
    """Access key, Region and service of a request, by its signature."""
    found = re.search(r"Credential=([^/]+)/\d+/([^/]+)/([^/]+)/", authorization)
    return found.groups() if found else ("", "", "")


def lambda_function(path):
    """The function whose configuration this path is."""
    match = re.match(r"/2015-03-31/functions/([^/]+)/configuration$", path)
    return match and match.group(1).split(":")[-1]


def action(service, method, path, target, body):
    """The name of the operation: of its service, the method, path and X-Amz-Target of the request, and its body."""
    if service == "lambda":
        return lambda_action(method, path)
    if service == "kafka":
        return "DescribeClusterV2" if method == "GET" else "CreateClusterV2"
    if service == "s3":
        return "GetObject" if method == "GET" else "PutObject"
    if target:
        return target.split(".")[-1]
    return urllib.parse.parse_qs(body.decode()).get("Action", [""])[0]


def lambda_action(method, path):
    if path.startswith("/2015-03-31/event-source-mappings"):
        uuid = path.removeprefix("/2015-03-31/event-source-mappings").strip("/")
        reads = "GetEventSourceMapping" if uuid else "ListEventSourceMappings"
        return "CreateEventSourceMapping" if method == "POST" else reads
    if path.startswith("/2017-03-31/tags"):
        return "ListTags"
    other = next((name for end, name in LAMBDA_PATHS if path.endswith(end)), None)
    if other:
        return other
    if method == "DELETE":
        return "DeleteFunction"
    reads, writes = ("GetFunctionConfiguration", "UpdateFunctionConfiguration") if lambda_function(path) else ("ListFunctions", "CreateFunction")
    return reads if method == "GET" else writes
