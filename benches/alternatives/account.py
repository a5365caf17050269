"""The account of the benchmark, made through the API of the peer: N functions, five to a database, each connected by `setup`."""

import io
import zipfile

import boto3

REGION = "eu-central-1"
# A function that is not connected yet.
NEW = "function-new"


def databases(connections):
    return max(1, -(-connections // 5))


class Account:
    def __init__(self, url):
        session = boto3.session.Session(REGION, "test", region_name=REGION)
        self.ec2, self.rds, self.functions = (session.client(service, endpoint_url=url) for service in ("ec2", "rds", "lambda"))

    def make(self, connections):
        """The databases, and of each the first function, without groups of a connection. Returns their manifest."""
        vpc = self.ec2.create_vpc(CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"]
        self.subnets = [self.subnet(vpc, f"10.0.{n}.0/24", f"{REGION}{zone}") for n, zone in enumerate("ab")]
        self.base = self.ec2.create_security_group(GroupName="base", Description="of the benchmark", VpcId=vpc)["GroupId"]
        self.rds.create_db_subnet_group(DBSubnetGroupName="subnets", DBSubnetGroupDescription="of the benchmark", SubnetIds=self.subnets)
        for n in range(databases(connections)):
            self.rds.create_db_instance(
                DBInstanceIdentifier=f"database-{n}",
                DBInstanceClass="db.r6g.large",
                Engine="postgres",
                Port=5432,
                AllocatedStorage=20,
                MasterUsername="admin1",
                MasterUserPassword="of-the-test-1",
                DBSubnetGroupName="subnets",
                VpcSecurityGroupIds=[self.base],
            )
        self.function(NEW, [self.base])
        firsts = range(0, connections, 5)
        for n in firsts:
            self.function(f"function-{n}", [self.base])
        return manifest(firsts)

    def add_the_others(self, connections):
        """The other functions, with the groups of their database's first one, as `setup` would add them. Returns the manifest of all."""
        groups = {}
        for n in range(connections):
            if n % 5 == 0:
                config = self.functions.get_function_configuration(FunctionName=f"function-{n}")
                groups = config["VpcConfig"]["SecurityGroupIds"]
            else:
                self.function(f"function-{n}", groups)
        return manifest(range(connections))

    def subnet(self, vpc, cidr, zone):
        return self.ec2.create_subnet(VpcId=vpc, CidrBlock=cidr, AvailabilityZone=zone)["Subnet"]["SubnetId"]

    def function(self, name, groups):
        code = io.BytesIO()
        zipfile.ZipFile(code, "w").close()
        self.functions.create_function(
            FunctionName=name,
            Runtime="nodejs22.x",
            Role="arn:aws:iam::123456789012:role/of-the-test",
            Handler="index.handler",
            Timeout=60,
            Code={"ZipFile": code.getvalue()},
            VpcConfig={"SubnetIds": self.subnets, "SecurityGroupIds": groups},
        )
        # A new function is pending for two looks.
        for _ in range(2):
            self.functions.get_function_configuration(FunctionName=name)


def manifest(functions):
    return "\n".join(f'[[connection]]\ninstance = "database-{n // 5}"\nfunction = "function-{n}"' for n in functions)
