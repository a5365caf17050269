"""The AWS peer of the tests: moto over HTTP on loopback, corrected where it differs from AWS.

Prints the port it listens on, and ends when its standard input ends, that is, with the tests.

Each correction says what AWS does. Besides, the peer logs every request, and on demand answers with a
fault, hides new groups for some requests, or lets somebody else write first (POST /_peer/…). Everything
is kept apart by Region: a test has a Region of its own, which the request's signature names.
"""

import io
import json
import os
import re
import sys
import threading
import urllib.parse
import uuid

import operations
from werkzeug.serving import WSGIRequestHandler, make_server

from moto.core.responses import ActionResult
from moto.awslambda.models import lambda_backends
from moto.ec2.exceptions import DependencyViolationError, InvalidPermissionDuplicateError, ResourceAlreadyAssociatedError
from moto.ec2.models import ec2_backends
from moto.ec2.models.availability_zones_and_regions import RegionsAndZonesBackend, Zone
from moto.ec2.models.dhcp_options import DHCPOptionsSet, DHCPOptionsSetBackend
from moto.ec2.models.nat_gateways import NatGatewayBackend
from moto.ec2.models.route_tables import Route, RouteBackend
from moto.ec2.models.security_groups import SecurityGroupBackend, SecurityGroupRule
from moto.ec2.models.vpcs import VPC, VPCBackend
from moto.ec2.responses.security_groups import SecurityGroups
from moto.ec2.responses.vpcs import VPCs
from moto.iam.models import iam_backends
from moto.kafka.exceptions import NotFoundException
from moto.kafka.models import FakeKafkaCluster, KafkaBackend
from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app
from moto.rds.exceptions import DBProxyNotFoundFault, RDSClientError
from moto.rds.models import DBInstance, RDSBackend, rds_backends
from moto.rds.responses import RDSResponse

ACCOUNT = "123456789012"

# Regions for the tests, one each, with three zones as AWS's own mostly have.
LETTERS = "abcdefghijklmnopqrstuvwxyz"
INVENTED = [f"eu-{first}{second}-1" for first in LETTERS for second in LETTERS]
for region in INVENTED:
    zones = [Zone(f"{region}{zone}", region, f"{region}-az{zone}") for zone in "abc"]
    RegionsAndZonesBackend.zones[region] = zones

# AWS may give fewer items on a page than asked for; small pages let small tests see more than one. The benchmark wants pages as
# large as AWS's.
GROUPS_ON_A_PAGE = int(os.environ.get("AUTOCONNECT_GROUPS_ON_A_PAGE", "20"))
CLUSTERS_ON_A_PAGE = 20

# After how many reads an update of a function has ended.
READS_IN_PROGRESS = 2

# How often a service cannot assume a new role yet.
TRIES_BEFORE_A_ROLE = 2


# AWS gives DescribeSecurityGroups in pages; moto ignores MaxResults and NextToken.
def describe_security_groups(self, whole=SecurityGroups.describe_security_groups):
    answer = whole(self)
    groups = answer.result["SecurityGroups"]
    start = int(self._get_param("NextToken") or 0)
    if self._get_param("MaxResults"):
        page = min(int(self._get_param("MaxResults")), GROUPS_ON_A_PAGE)
        answer.result["SecurityGroups"] = groups[start : start + page]
        if start + page < len(groups):
            answer.result["NextToken"] = str(start + page)
    return answer


SecurityGroups.describe_security_groups = describe_security_groups


# DescribeSecurityGroupRules of AWS shows the description of a rule that names a group; moto shows those of ranges alone, and so
# Terraform would want to add the others.
def description_of_rule(self):
    return self.ip_range.get("Description") or self.source_group.get("Description")


SecurityGroupRule.description = property(description_of_rule)


# AWS gives DescribeDBClusters in pages; moto ignores MaxRecords and Marker.
def describe_db_clusters(self, whole=RDSResponse.describe_db_clusters):
    answer = whole(self)
    clusters = answer.result["DBClusters"]
    start = int(self.params.get("Marker") or 0)
    page = min(int(self.params.get("MaxRecords") or 100), CLUSTERS_ON_A_PAGE)
    answer.result["DBClusters"] = clusters[start : start + page]
    if start + page < len(clusters):
        answer.result["Marker"] = str(start + page)
    return answer


RDSResponse.describe_db_clusters = describe_db_clusters


# VPC Block Public Access is not there in moto. On AWS it is off until somebody turns it on.
PUBLIC_ACCESS = {}


def public_access(self):
    return PUBLIC_ACCESS.setdefault(self.region, {"mode": "off", "state": "default-state", "exclusions": []})


def describe_vpc_block_public_access_options(self):
    setting = public_access(self)
    options = {
        "AwsAccountId": ACCOUNT,
        "AwsRegion": self.region,
        "State": setting["state"],
        "InternetGatewayBlockMode": setting["mode"],
        "ManagedBy": "account",
        "ExclusionsAllowed": "allowed",
    }
    return ActionResult({"VpcBlockPublicAccessOptions": options})


def modify_vpc_block_public_access_options(self):
    public_access(self).update(mode=self._get_param("InternetGatewayBlockMode"), state="update-complete")
    return describe_vpc_block_public_access_options(self)


def describe_vpc_block_public_access_exclusions(self):
    return ActionResult({"VpcBlockPublicAccessExclusions": public_access(self)["exclusions"]})


def create_vpc_block_public_access_exclusion(self):
    subnet, vpc = self._get_param("SubnetId"), self._get_param("VpcId")
    exclusion = {
        "ExclusionId": f"vpcbpa-exclude-{uuid.uuid4().hex[:17]}",
        "InternetGatewayExclusionMode": self._get_param("InternetGatewayExclusionMode"),
        "ResourceArn": f"arn:aws:ec2:{self.region}:{ACCOUNT}:" + (f"subnet/{subnet}" if subnet else f"vpc/{vpc}"),
        "State": "create-complete",
    }
    public_access(self)["exclusions"].append(exclusion)
    return ActionResult({"VpcBlockPublicAccessExclusion": exclusion})


VPCs.describe_vpc_block_public_access_options = describe_vpc_block_public_access_options
VPCs.modify_vpc_block_public_access_options = modify_vpc_block_public_access_options
VPCs.describe_vpc_block_public_access_exclusions = describe_vpc_block_public_access_exclusions
VPCs.create_vpc_block_public_access_exclusion = create_vpc_block_public_access_exclusion


# AWS has DynamoDB in every Region; moto lists it for the Regions only that it knows.
def describe_vpc_endpoint_services(self, describe=VPCs.describe_vpc_endpoint_services):
    answer = describe(self)
    name = f"com.amazonaws.{self.region}.dynamodb"
    details = answer.result["ServiceDetails"]
    if all(service["ServiceName"] != name for service in details):
        kinds = [{"ServiceType": "Gateway"}, {"ServiceType": "Interface"}]
        zones = [f"{self.region}{zone}" for zone in "abc"]
        details.append({"ServiceName": name, "ServiceType": kinds, "AvailabilityZones": zones, "Owner": "amazon"})
    return answer


VPCs.describe_vpc_endpoint_services = describe_vpc_endpoint_services


# On AWS an instance of a cluster is in the cluster's subnet group; in moto it is in none.
def create_db_instance(self, db_kwargs, create=RDSBackend.create_db_instance):
    cluster = self.clusters.get(db_kwargs.get("db_cluster_identifier") or "")
    if cluster is not None:
        db_kwargs["db_subnet_group_name"] = cluster.db_subnet_group_name
    return create(self, db_kwargs)


RDSBackend.create_db_instance = create_db_instance


# ModifyDBProxy is not there in moto.
def modify_db_proxy(self):
    proxy = db_proxy(self)
    if "SecurityGroups" in self.params:
        proxy.vpc_security_group_ids = self.params["SecurityGroups"]
    return ActionResult({"DBProxy": proxy})


RDSResponse.modify_db_proxy = modify_db_proxy


def db_proxy(response):
    name = (response.params.get("DBProxyName") or "").lower()
    if name not in response.backend.db_proxies:
        raise DBProxyNotFoundFault(name)
    return response.backend.db_proxies[name]


# AWS takes a proxy without Auth where DefaultAuthScheme is given, wants two Availability Zones, and creates the proxy
# in some minutes; moto knows no DefaultAuthScheme, takes one zone, and is done at once.
def create_db_proxy(self, create=RDSResponse.create_db_proxy):
    assume(self.params["RoleArn"], "rds.amazonaws.com", RDSClientError, "InvalidParameterValue")
    zones = {ec2_backends[ACCOUNT][self.region].get_subnet(subnet).availability_zone for subnet in self.params["VpcSubnetIds"]}
    if len(zones) < 2:
        raise RDSClientError("InvalidSubnet", "DB Proxy needs subnets in at least two Availability Zones.")
    scheme = self.params.get("DefaultAuthScheme", "NONE")
    if scheme == "NONE" and not self.params.get("Auth"):
        raise RDSClientError("InvalidParameterCombination", "Auth is needed unless DefaultAuthScheme is IAM_AUTH.")
    self.params.setdefault("Auth", [])
    # AWS reports DISABLED where nothing was asked; moto nothing.
    for auth in self.params["Auth"]:
        auth.setdefault("IAMAuth", "DISABLED")
    # AWS keeps the names of proxies in lower case; moto keeps the case.
    self.params["DBProxyName"] = self.params["DBProxyName"].lower()
    answer = create(self)
    proxy = answer.result["DBProxy"]
    proxy.default_auth_scheme = scheme
    proxy.status, proxy.reads = "creating", 0
    return answer


RDSResponse.create_db_proxy = create_db_proxy

# How often a service has tried to assume a role.
TRIES = {}


# On AWS a new role cannot be assumed for some seconds, and a role that trusts nobody never; moto does not ask.
def assume(arn, service, refusal, code):
    name = arn.split("/")[-1]
    role = next((role for role in iam_backends[ACCOUNT]["aws"].roles.values() if role.name == name), None)
    if role is not None and not name.startswith("of-the-test"):
        TRIES[name] = TRIES.get(name, 0) + 1
    if role is None or service not in role.assume_role_policy_document or 0 < TRIES.get(name, 0) <= TRIES_BEFORE_A_ROLE:
        raise refusal(code, f"The role {name} cannot be assumed by {service}.")


# AWS refuses a target twice; moto has it twice. A proxy that is being created takes none.
def register_db_proxy_targets(self, register=RDSResponse.register_db_proxy_targets):
    if db_proxy(self).status == "creating":
        raise RDSClientError("InvalidDBProxyStateFault", "The proxy is being created.")
    wanted = set(self.params.get("DBClusterIdentifiers", []) + self.params.get("DBInstanceIdentifiers", []))
    targets = db_proxy(self).proxy_target_groups["default"].targets
    if wanted & {target.rds_resource_id for target in targets}:
        raise RDSClientError("DBProxyTargetAlreadyRegisteredFault", "The target is registered already.")
    return register(self)


RDSResponse.register_db_proxy_targets = register_db_proxy_targets


# AWS lists a cluster without health, and each of its instances with it. The health follows from the
# security groups, after some reads of REGISTERING; moto's is AVAILABLE whatever they say.
def describe_db_proxy_targets(self):
    proxy = db_proxy(self)
    if proxy.status == "creating":
        raise RDSClientError("InvalidDBProxyStateFault", "The proxy is being created.")
    rows = []
    for target in proxy.proxy_target_groups["default"].targets:
        target.reads = getattr(target, "reads", 0) + 1
        instances = self.backend.databases
        if target.type == "TRACKED_CLUSTER":
            cluster = target.rds_resource_id
            rows.append({"RdsResourceId": cluster, "Type": "TRACKED_CLUSTER", "Port": self.backend.clusters[cluster].port})
            members = [database for database in instances.values() if database.db_cluster_identifier == cluster]
            # AWS tells which member is the writer; moto's cluster has none, and the first is taken for it.
            roles = ["READ_WRITE"] + ["READ_ONLY"] * len(members)
            rows += [target_row(proxy, target, member, TrackedClusterId=cluster, Role=role) for member, role in zip(members, roles)]
        else:
            rows.append(target_row(proxy, target, instances[target.rds_resource_id], Role="READ_WRITE"))
    return ActionResult({"Targets": rows})


def target_row(proxy, target, database, **more):
    groups = ec2_backends[ACCOUNT][proxy.region]
    port = int(database.port)
    ours, theirs = proxy.vpc_security_group_ids, database.vpc_security_group_ids
    reachable = lets_through(groups, ours, "egress_rules", port, theirs) and lets_through(groups, theirs, "ingress_rules", port, ours)
    if target.reads <= READS_IN_PROGRESS:
        health = {"State": "REGISTERING"}
    elif reachable:
        health = {"State": "AVAILABLE"}
    else:
        health = {"State": "UNAVAILABLE", "Reason": "UNREACHABLE"}
    return {"RdsResourceId": database.db_instance_identifier, "Type": "RDS_INSTANCE", "Port": port, "TargetHealth": health, **more}


def lets_through(backend, groups, direction, port, peers):
    for group in backend.describe_security_groups(group_ids=list(groups)):
        for rule in getattr(group, direction):
            covers = rule.ip_protocol == "-1" or int(rule.from_port or 0) <= port <= int(rule.to_port or 0)
            anywhere = (rule.ip_range or {}).get("CidrIp") == "0.0.0.0/0"
            if covers and (anywhere or (rule.source_group or {}).get("GroupId") in peers):
                return True
    return False


RDSResponse.describe_db_proxy_targets = describe_db_proxy_targets


# AWS answers a wrong proxy's name with an error; moto with all proxies.
def describe_db_proxies(self, describe=RDSResponse.describe_db_proxies):
    if self.params.get("DBProxyName"):
        proxy = db_proxy(self)
        proxy.reads += 1
        if proxy.reads > READS_IN_PROGRESS:
            proxy.status = "available"
    return describe(self)


RDSResponse.describe_db_proxies = describe_db_proxies


# AWS takes a rule that differs only in its description for a duplicate; moto adds it.
def without_descriptions(authorize, direction):
    def refuse_duplicates(self, group_name_or_id, ip_protocol, from_port, to_port, ip_ranges, *args, **kwargs):
        group = self.get_security_group_by_name_or_id(group_name_or_id, kwargs.get("vpc_id"))
        wanted = {pair.get("GroupId") for pair in kwargs.get("source_groups") or []}
        for rule in getattr(group, direction, []):
            same = (rule.ip_protocol, str(rule.from_port), str(rule.to_port)) == (ip_protocol, str(from_port), str(to_port))
            if same and wanted & {(rule.source_group or {}).get("GroupId")} - {None}:
                raise InvalidPermissionDuplicateError()
        return authorize(self, group_name_or_id, ip_protocol, from_port, to_port, ip_ranges, *args, **kwargs)

    return refuse_duplicates


SecurityGroupBackend.authorize_security_group_ingress = without_descriptions(
    SecurityGroupBackend.authorize_security_group_ingress, "ingress_rules"
)
SecurityGroupBackend.authorize_security_group_egress = without_descriptions(
    SecurityGroupBackend.authorize_security_group_egress, "egress_rules"
)


# AWS names a cluster in its ARN; moto gives its id alone, and another kind of ARN to serverless ones.
def kafka_arn(self):
    return f"arn:aws:kafka:{self.region_name}:{self.account_id}:cluster/{self.cluster_name}/{self.cluster_id}-1"


FakeKafkaCluster._generate_arn = kafka_arn


# AWS keeps how clients authenticate and whether they encrypt; moto forgets it. AWS's times are of UTC, and say so.
def create_cluster_v2(self, cluster_name, tags, provisioned, serverless, create=KafkaBackend.create_cluster_v2):
    made = create(self, cluster_name, tags, provisioned, serverless)
    cluster = self.clusters[made[0]]
    cluster.client_authentication = (provisioned or {}).get("clientAuthentication")
    cluster.encryption_info = (provisioned or {}).get("encryptionInfo")
    cluster.creation_time = "2026-01-01T00:00:00.000Z"
    return made


KafkaBackend.create_cluster_v2 = create_cluster_v2


# On AWS a new cluster is ACTIVE after a while, in moto never; a wrong ARN is an error, in moto a 500.
def describe_cluster_v2(self, cluster_arn, describe=KafkaBackend.describe_cluster_v2):
    cluster = self.clusters.get(cluster_arn)
    if not cluster:
        raise NotFoundException("The requested cluster does not exist.")
    cluster.reads = getattr(cluster, "reads", 0) + 1
    if cluster.reads > READS_IN_PROGRESS:
        cluster.state = "ACTIVE"
    return describe(self, cluster_arn)


KafkaBackend.describe_cluster_v2 = describe_cluster_v2


# AWS does not delete a group that another group's rule names, or that is on something, and Lambda keeps its interface
# for a while after a function has lost a group; moto deletes it.
def delete_security_group(self, name=None, group_id=None, delete=SecurityGroupBackend.delete_security_group):
    if group_id and is_in_use(self, group_id):
        raise DependencyViolationError(f"resource {group_id} has a dependent object")
    return delete(self, name, group_id)


def is_in_use(ec2, group_id):
    if HELD.get(group_id, 0) > 0:
        HELD[group_id] -= 1
        return True
    others = [group for group in ec2.describe_security_groups() if group.id != group_id]
    rules = [rule for group in others for rule in [*group.ingress_rules, *group.egress_rules]]
    rds = rds_backends[ACCOUNT][ec2.region_name]
    bearers = [*rds.clusters.values(), *rds.databases.values(), *rds.db_proxies.values()]
    functions = lambda_backends[ACCOUNT][ec2.region_name].list_functions("ALL")
    lists = [bearer.vpc_security_group_ids or [] for bearer in bearers]
    lists += [(function.vpc_config or {}).get("SecurityGroupIds") or [] for function in functions]
    lists += [endpoint["VpcSecurityGroupIds"] for endpoint in ENDPOINTS.get(ec2.region_name, [])]
    lists += [[group.id for group in interface.group_set] for interface in ec2.enis.values()]
    named = [(rule.source_group or {}).get("GroupId") for rule in rules]
    return group_id in named or any(group_id in groups for groups in lists)


SecurityGroupBackend.delete_security_group = delete_security_group

# How often a group that a function has lost is still on Lambda's interface.
HELD = {}



# On AWS a NAT gateway is pending for a minute, and fails in a VPC without an internet gateway; in moto it is available at
# once, and everywhere.
def create_nat_gateway(self, *args, create=NatGatewayBackend.create_nat_gateway, **kwargs):
    nat = create(self, *args, **kwargs)
    nat.state, nat.reads = "pending", 0
    return nat


def describe_nat_gateways(self, *args, describe=NatGatewayBackend.describe_nat_gateways):
    attached = [gateway.vpc.id for gateway in self.internet_gateways.values() if gateway.vpc]
    for nat in self.nat_gateways.values():
        nat.reads += 1
        if nat.state == "pending" and nat.reads > READS_IN_PROGRESS:
            nat.state = "available" if nat.vpc_id in attached or nat.connectivity_type == "private" else "failed"
            nat.failure_code, nat.failure_message = "Gateway.NotAttached", f"Network {nat.vpc_id} has no Internet gateway attached"
    return describe(self, *args)


NatGatewayBackend.create_nat_gateway = create_nat_gateway
NatGatewayBackend.describe_nat_gateways = describe_nat_gateways


# With a NAT gateway that is deleted, AWS lets its address go and its routes lead nowhere; moto leaves both as they were.
def delete_nat_gateway(self, nat_gateway_id, delete=NatGatewayBackend.delete_nat_gateway):
    nat = delete(self, nat_gateway_id)
    for address in nat.address_set:
        self.disassociate_address(association_id=address["associationId"])
    return nat


NatGatewayBackend.delete_nat_gateway = delete_nat_gateway
Route.state = property(lambda route: "blackhole" if route.nat_gateway and route.nat_gateway.state == "deleted" else "active")


# AWS gives a subnet one route table, and refuses a second one; moto answers with the association that is there.
def associate_route_table(self, route_table_id, gateway_id=None, subnet_id=None, associate=RouteBackend.associate_route_table):
    present = self.describe_route_tables(filters={"association.subnet-id": [subnet_id]}) if subnet_id else []
    if present and present[0].id != route_table_id:
        raise ResourceAlreadyAssociatedError(subnet_id)
    return associate(self, route_table_id, gateway_id, subnet_id)


RouteBackend.associate_route_table = associate_route_table


# On AWS an interface endpoint is pending for some minutes; in moto it is available at once.
def create_vpc_endpoint(self, *args, create=VPCBackend.create_vpc_endpoint, **kwargs):
    endpoint = create(self, *args, **kwargs)
    endpoint.reads = 0
    if endpoint.vpc_endpoint_type == "Interface":
        endpoint.state = "pending"
    return endpoint


def describe_vpc_endpoints(self, *args, describe=VPCBackend.describe_vpc_endpoints, **kwargs):
    for endpoint in self.vpc_end_points.values():
        endpoint.reads += 1
        if endpoint.state == "pending" and endpoint.reads > READS_IN_PROGRESS:
            endpoint.state = "available"
    return describe(self, *args, **kwargs)


VPCBackend.create_vpc_endpoint = create_vpc_endpoint
VPCBackend.describe_vpc_endpoints = describe_vpc_endpoints


# AWS gives each table that a gateway endpoint gets its route, and turns private DNS on; moto only notes the table.
def modify_vpc_endpoint(self, modify=VPCs.modify_vpc_endpoint):
    answer = modify(self)
    endpoint = self.ec2_backend.vpc_end_points[self._get_param("VpcEndpointId")]
    if self._get_param("PrivateDnsEnabled"):
        endpoint.private_dns_enabled = True
    for table in self._get_param("AddRouteTableIds", []):
        prefixes = endpoint.destination_prefix_list_id
        self.ec2_backend.create_route(table, None, gateway_id=endpoint.id, destination_prefix_list_id=prefixes)
    return answer


VPCs.modify_vpc_endpoint = modify_vpc_endpoint


# On AWS each Region has a default set of DHCP options with AmazonProvidedDNS, which every VPC names until it is given
# another; moto's VPCs name no set.
def default_options(backend):
    if not hasattr(backend, "default_dhcp_options"):
        backend.default_dhcp_options = DHCPOptionsSet(backend, domain_name_servers=["AmazonProvidedDNS"])
    backend.dhcp_options_sets.setdefault(backend.default_dhcp_options.id, backend.default_dhcp_options)
    return backend.default_dhcp_options


def describe_dhcp_options(self, *args, describe=DHCPOptionsSetBackend.describe_dhcp_options, **kwargs):
    default_options(self)
    return describe(self, *args, **kwargs)


VPC.dhcp_options_id = property(lambda vpc: (vpc.dhcp_options or default_options(vpc.ec2_backend)).id)
DHCPOptionsSetBackend.describe_dhcp_options = describe_dhcp_options


# AWS tells of every DB instance whether it is publicly accessible; moto only where the request said so.
def init_db_instance(self, *args, init=DBInstance.__init__, **kwargs):
    init(self, *args, **kwargs)
    self.publicly_accessible = bool(self.publicly_accessible)


DBInstance.__init__ = init_db_instance


# Moto has no endpoints of proxies.
def create_db_proxy_endpoint(self):
    proxy = db_proxy(self)
    endpoint = {
        "DBProxyEndpointName": self.params["DBProxyEndpointName"],
        "DBProxyName": proxy.db_proxy_name,
        "VpcId": proxy.vpc_id,
        "VpcSubnetIds": self.params.get("VpcSubnetIds", []),
        "VpcSecurityGroupIds": self.params.get("VpcSecurityGroupIds", []),
        "TargetRole": self.params.get("TargetRole", "READ_WRITE"),
        "Status": "available",
        "IsDefault": False,
    }
    ENDPOINTS.setdefault(self.region, []).append(endpoint)
    return ActionResult({"DBProxyEndpoint": endpoint})


def describe_db_proxy_endpoints(self):
    return ActionResult({"DBProxyEndpoints": ENDPOINTS.get(self.region, [])})


ENDPOINTS = {}
RDSResponse.create_db_proxy_endpoint = create_db_proxy_endpoint
RDSResponse.describe_db_proxy_endpoints = describe_db_proxy_endpoints


# The roles of the tests' functions and proxies.
def create_role(name, service):
    trust = {"Effect": "Allow", "Principal": {"Service": service}, "Action": "sts:AssumeRole"}
    iam_backends[ACCOUNT]["aws"].create_role(
        role_name=name,
        assume_role_policy_document=json.dumps({"Version": "2012-10-17", "Statement": [trust]}),
        path="/",
        permissions_boundary=None,
        description="",
        tags=[],
        max_session_duration="3600",
    )


class Peer:
    def __init__(self, app):
        self.app = app
        # moto is not thread-safe.
        self.lock = threading.Lock()
        self.log = []
        self.faults = []
        self.hidden_for = {}
        self.hidden = {}
        self.meddlers = []
        self.functions = {}
        self.stops = {}
        self.mappings = []
        self.tokens = {}

    def __call__(self, environ, start_response):
        length = int(environ.get("CONTENT_LENGTH") or 0)
        body = environ["wsgi.input"].read(length)
        path = urllib.parse.unquote(environ["PATH_INFO"])
        if path.startswith("/_peer/"):
            with self.lock:
                return self.control(path.removeprefix("/_peer/"), body, environ, start_response)
        stop = self.stop_here(environ)
        if stop and not stop["applied"]:
            stop["reached"] = True
            stop["over"].wait()
            raise ConnectionAbortedError
        with self.lock:
            status, headers, answer = self.serve(environ, path, body)
        if stop:
            stop["reached"] = True
            stop["over"].wait()
        start_response(status, headers)
        return [answer]

    def stop_here(self, environ):
        """The stop of this caller, if it is at this request: the tests kill the caller there."""
        with self.lock:
            stop = self.stops.get(caller(environ)[0])
            if not stop:
                return None
            stop["left"] -= 1
            return stop if stop["left"] == -1 else None

    # What the tests ask of the peer itself.

    def control(self, verb, body, environ, start_response):
        told = json.loads(body or b"{}")
        answer = {}
        if verb == "log":
            answer = [entry for entry in self.log if entry["region"] == told["region"]]
        elif verb == "fault":
            self.faults.append(told)
        elif verb == "stop":
            self.stops[told["key"]] = {"left": told["request"], "applied": told["applied"], "reached": False, "over": threading.Event()}
        elif verb == "stopped":
            answer = self.stops[told["key"]]["reached"]
        elif verb == "go_on":
            self.stops.pop(told["key"])["over"].set()
        elif verb == "hide":
            self.hidden_for[told["region"]] = told["requests"]
        elif verb == "meddle":
            self.meddlers.append({**told, "host": environ.get("HTTP_HOST")})
        start_response("200 OK", [("Content-Type", "application/json")])
        return [json.dumps(answer).encode()]

    # AWS's requests.

    def serve(self, environ, path, body):
        key, region, service = caller(environ)
        if service == "iam":
            # IAM has no Region: the access key names that of the test.
            region = key
        action = operations.action(service, environ["REQUEST_METHOD"], path, environ.get("HTTP_X_AMZ_TARGET"), body)
        if path.startswith("/2015-03-31/event-source-mappings"):
            return self.mapping(environ, path, body, region, action)
        function = operations.lambda_function(path) if service == "lambda" else None
        if service == "lambda" and action == "CreateFunction":
            function = json.loads(body)["FunctionName"]
        entry = {"region": region, "service": service, "action": action, "key": key}
        self.log.append(entry)
        status, headers, answer = self.answer(environ, body, region, service, action, function)
        entry["status"] = int(status.split()[0])
        return status, headers, answer

    def answer(self, environ, body, region, service, action, function):
        fault = next((f for f in self.faults if (f["region"], f["action"]) == (region, action) and f["times"] > 0), None)
        if fault:
            fault["times"] -= 1
            if fault.get("applied"):
                # The request is carried out, and its answer lost.
                self.call(environ, body)
            return error(service, fault["status"], fault["code"], fault.get("message", "fault of the test"))

        # On AWS a new group may not be found for some seconds.
        named = [group for group, left in self.hidden.items() if left > 0 and group.encode() in body]
        if named:
            self.hidden[named[0]] -= 1
            return not_found(service, named[0])

        if function and action == "UpdateFunctionConfiguration":
            refused = self.before_update(environ, region, function, json.loads(body))
            if refused:
                return refused
        if action == "CreateFunction":
            refused = self.before_creation(region, function, json.loads(body))
            if refused:
                return refused
        if action == "DeleteFunction":
            self.before_deletion(environ, region)
        status, headers, answer = self.call(environ, body)
        if action == "CreateSecurityGroup" and status.startswith("200") and self.hidden_for.get(region):
            group = re.search(rb"<groupId>(sg-[0-9a-f]+)</groupId>", answer).group(1).decode()
            self.hidden[group] = self.hidden_for[region]
        if function and status.startswith("200"):
            answer = self.corrected(region, function, action, json.loads(answer))
            headers = [(k, v) for k, v in headers if k.lower() != "content-length"]
            headers.append(("Content-Length", str(len(answer))))
        return status, headers, answer

    def call(self, environ, body):
        # EC2 answers a token that it has seen with what it made then; moto makes another one.
        token = re.search(rb"(?:^|&)ClientToken=([^&]+)", body)
        if token and token.group(1) in self.tokens:
            return self.tokens[token.group(1)]
        kept = []
        environ = {**environ, "wsgi.input": io.BytesIO(body), "CONTENT_LENGTH": str(len(body))}
        answer = b"".join(self.app(environ, lambda status, headers, *_: kept.append((status, headers))))
        called = (*kept[0], answer)
        if token and called[0].startswith("200"):
            self.tokens[token.group(1)] = called
        return called

    # AWS lets event source mappings poll MSK clusters; moto refuses their ARNs.

    def mapping(self, environ, path, body, region, action):
        query = urllib.parse.parse_qs(environ.get("QUERY_STRING", ""))
        wanted = {key: values[0] for key, values in query.items()}
        uuid_wanted = path.removeprefix("/2015-03-31/event-source-mappings").strip("/")
        creates = environ["REQUEST_METHOD"] == "POST"
        entry = {"region": region, "service": "lambda", "action": action, "status": 200}
        self.log.append(entry)
        own = [mapping for at, mapping in self.mappings if at == region]
        if creates:
            told = json.loads(body)
            arn = f"arn:aws:lambda:{region}:{ACCOUNT}:function:{told.pop('FunctionName').split(':')[-1]}"
            answer = {**told, "UUID": str(uuid.uuid4()), "FunctionArn": arn, "State": "Enabled"}
            self.mappings.append((region, answer))
        elif uuid_wanted:
            answer = next((mapping for mapping in own if mapping["UUID"] == uuid_wanted), None)
            if not answer:
                entry["status"] = 404
                return error("lambda", 404, "ResourceNotFoundException", "The resource you requested does not exist.")
        else:
            name = wanted.get("FunctionName", "").split(":")[-1]
            fits = [m for m in own if m["EventSourceArn"] == wanted.get("EventSourceArn", m["EventSourceArn"])]
            answer = {"EventSourceMappings": [m for m in fits if not name or m["FunctionArn"].endswith(f":{name}")]}
        text = json.dumps(answer).encode()
        return "200 OK", [("Content-Type", "application/json"), ("Content-Length", str(len(text)))], text

    # On AWS an update of a function takes time, refuses another one meanwhile, changes the function's
    # RevisionId, and is refused for a RevisionId that is not the latest, or for more than five groups.

    def before_update(self, environ, region, function, wanted):
        state = self.state(region, function)
        for meddler in [m for m in self.meddlers if (m["region"], m["function"]) == (region, function)]:
            self.meddlers.remove(meddler)
            self.call(environ, json.dumps({"VpcConfig": meddler["vpc_config"]}).encode())
            state["revision"] = str(uuid.uuid4())
        if state["reads"] > 0:
            return error("lambda", 409, "ResourceConflictException", f"An update is in progress for resource: {function}")
        if wanted.get("RevisionId", state["revision"]) != state["revision"]:
            return error("lambda", 412, "PreconditionFailedException", "The Revision Id provided does not match the latest Revision Id.")
        if len(wanted.get("VpcConfig", {}).get("SecurityGroupIds", [])) > 5:
            return error("lambda", 400, "InvalidParameterValueException", "at most 5 security groups")
        if "VpcConfig" in wanted:
            present = lambda_backends[ACCOUNT][region].get_function(function).vpc_config or {}
            for group in set(present.get("SecurityGroupIds") or []) - set(wanted["VpcConfig"].get("SecurityGroupIds", [])):
                HELD[group] = READS_IN_PROGRESS
        return None

    # On AWS Lambda keeps the interface of a function that is deleted, too.

    def before_deletion(self, environ, region):
        name = environ["PATH_INFO"].rstrip("/").split("/")[-1].split(":")[-1]
        function = next((f for f in lambda_backends[ACCOUNT][region].list_functions() if f.function_name == name), None)
        for group in ((function and function.vpc_config) or {}).get("SecurityGroupIds") or []:
            HELD[group] = READS_IN_PROGRESS
        self.functions.pop((region, name), None)

    # On AWS a name is taken once, a new role cannot be assumed yet, and a new function is Pending for a while.

    def before_creation(self, region, function, wanted):
        if (region, function) in self.functions:
            return error("lambda", 409, "ResourceConflictException", f"Function already exist: {function}")
        try:
            assume(wanted["Role"], "lambda.amazonaws.com", LookupError, "InvalidParameterValueException")
        except LookupError:
            message = "The role defined for the function cannot be assumed by Lambda."
            return error("lambda", 400, "InvalidParameterValueException", message)
        return None

    def corrected(self, region, function, action, answer):
        state = self.state(region, function)
        if action == "CreateFunction":
            state.update(reads=READS_IN_PROGRESS, pending=True)
        answer["State"] = "Pending" if state["pending"] else "Active"
        if action == "UpdateFunctionConfiguration":
            state.update(revision=str(uuid.uuid4()), reads=READS_IN_PROGRESS)
        answer["RevisionId"] = state["revision"]
        answer["LastUpdateStatus"] = "InProgress" if state["reads"] > 0 else "Successful"
        if action == "GetFunctionConfiguration":
            state["reads"] = max(0, state["reads"] - 1)
            state["pending"] = state["pending"] and state["reads"] > 0
        # AWS names the VPC of the function's subnets; moto always vpc-123abc.
        config = answer.get("VpcConfig") or {}
        if config.get("SubnetIds"):
            config["VpcId"] = ec2_backends[ACCOUNT][region].get_subnet(config["SubnetIds"][0]).vpc_id
        return json.dumps(answer).encode()

    def state(self, region, function):
        return self.functions.setdefault((region, function), {"revision": str(uuid.uuid4()), "reads": 0, "pending": False})


def caller(environ):
    """Access key, Region and service of a request."""
    return operations.scope(environ.get("HTTP_AUTHORIZATION", ""))


def not_found(service, group):
    """How each service words that EC2 does not find a group."""
    if service == "ec2":
        return error(service, 400, "InvalidGroup.NotFound", f"The security group '{group}' does not exist")
    if service == "rds":
        return error(service, 400, "InvalidParameterValue", f"Invalid security group , groupId= {group}, groupName=.")
    return error(
        service,
        400,
        "InvalidParameterValueException",
        f"EC2 Error Code: InvalidGroup.NotFound. EC2 Error Message: The security group '{group}' does not exist",
    )


def error(service, status, code, message):
    request = str(uuid.uuid4())
    headers = [("x-amzn-RequestId", request)]
    if service == "lambda":
        headers += [("Content-Type", "application/json"), ("x-amzn-ErrorType", code)]
        answer = json.dumps({"Type": "User", "Message": message})
    elif service in ("secretsmanager", "kms", "servicequotas"):
        headers.append(("Content-Type", "application/x-amz-json-1.1"))
        answer = json.dumps({"__type": code, "message": message})
    elif service == "ec2":
        headers.append(("Content-Type", "text/xml"))
        answer = (
            f"<Response><Errors><Error><Code>{code}</Code><Message>{message}</Message></Error></Errors>"
            f"<RequestID>{request}</RequestID></Response>"
        )
    else:
        headers.append(("Content-Type", "text/xml"))
        answer = (
            f"<ErrorResponse><Error><Type>Sender</Type><Code>{code}</Code><Message>{message}</Message></Error>"
            f"<RequestId>{request}</RequestId></ErrorResponse>"
        )
    headers.append(("Content-Length", str(len(answer))))
    return f"{status} fault", headers, answer.encode()


class Quiet(WSGIRequestHandler):
    protocol_version = "HTTP/1.1"

    def log(self, *_):
        pass


def end_with_the_tests():
    sys.stdin.read()
    os._exit(0)


if __name__ == "__main__":
    create_role("of-the-test", "lambda.amazonaws.com")
    create_role("of-the-test-proxy", "rds.amazonaws.com")
    server = make_server("127.0.0.1", 0, Peer(DomainDispatcherApplication(create_backend_app)), threaded=True, request_handler=Quiet)
    threading.Thread(target=end_with_the_tests, daemon=True).start()
    print(server.port, flush=True)
    server.serve_forever()
