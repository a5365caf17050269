"""Makes the plans in this folder anew, with Terraform and the AWS provider.

    python3 tests/plans/make.py [--check] PLUGIN_DIR [NAME...]

With --check it only compares them with those that are here. PLUGIN_DIR is a folder for `terraform init -plugin-dir`. Nothing is sent to AWS: the state is made here, of the resources of
docs/examples/account.json, and is not refreshed. What tests do not need is left out of the plans.
"""

import json
import os
import pathlib
import subprocess
import sys
import tempfile

HERE = pathlib.Path(__file__).parent
PROVIDER = """
terraform {
  required_providers {
    aws = { source = "hashicorp/aws" }
  }
}
provider "aws" {
  region                      = "eu-central-1"
  access_key                  = "none"
  secret_key                  = "none"
  skip_credentials_validation = true
  skip_requesting_account_id  = true
  skip_metadata_api_check     = true
}
"""

# The resources that the state has, and the configuration that changes nothing of them.
GROUPS = """
resource "aws_security_group" "database" {
  name        = "rds-lambda-1"
  description = "Made by the console, on cluster orders"
  vpc_id      = "vpc-0a1b2c3d"
}
resource "aws_security_group" "function" {
  name        = "lambda-rds-1"
  description = "Made by the console, for functions that connect with cluster orders"
  vpc_id      = "vpc-0a1b2c3d"
}
"""
RULES = """
resource "aws_vpc_security_group_ingress_rule" "database" {
  security_group_id            = aws_security_group.database.id
  referenced_security_group_id = aws_security_group.function.id
  ip_protocol                  = "tcp"
  from_port                    = 5432
  to_port                      = 5432
}
resource "aws_vpc_security_group_egress_rule" "function" {
  security_group_id            = aws_security_group.function.id
  referenced_security_group_id = aws_security_group.database.id
  ip_protocol                  = "tcp"
  from_port                    = 5432
  to_port                      = 5432
}
"""
CLUSTER = """
resource "aws_rds_cluster" "orders" {
  cluster_identifier     = "orders"
  engine                 = "aurora-postgresql"
  port                   = 5432
  db_subnet_group_name   = "shop"
  master_username        = "orders_admin"
  skip_final_snapshot    = true
  vpc_security_group_ids = ["sg-0d00", aws_security_group.database.id]
}
"""
FUNCTION = """
resource "aws_lambda_function" "checkout" {
  function_name = "checkout"
  role          = "arn:aws:iam::123456789012:role/checkout"
  handler       = "index.handler"
  runtime       = "nodejs22.x"
  s3_bucket     = "code"
  s3_key        = "checkout.zip"
  vpc_config {
    subnet_ids         = ["subnet-0a1a", "subnet-0a1b"]
    security_group_ids = ["sg-0f00", aws_security_group.function.id]
  }
}
"""
BASE = GROUPS + RULES + CLUSTER + FUNCTION

GROUP = {
    "vpc_id": "vpc-0a1b2c3d",
    "ingress": [],
    "egress": [],
    "revoke_rules_on_delete": False,
    "name_prefix": "",
    "tags": {},
    "tags_all": {},
}
RULE = {"ip_protocol": "tcp", "from_port": 5432, "to_port": 5432, "tags_all": {}}
STATE = {
    ("aws_security_group", "database"): {
        **GROUP,
        "id": "sg-0d01",
        "name": "rds-lambda-1",
        "description": "Made by the console, on cluster orders",
    },
    ("aws_security_group", "function"): {
        **GROUP,
        "id": "sg-0f01",
        "name": "lambda-rds-1",
        "description": "Made by the console, for functions that connect with cluster orders",
    },
    ("aws_vpc_security_group_ingress_rule", "database"): {
        **RULE,
        "id": "sgr-0d01",
        "security_group_rule_id": "sgr-0d01",
        "security_group_id": "sg-0d01",
        "referenced_security_group_id": "sg-0f01",
    },
    ("aws_vpc_security_group_egress_rule", "function"): {
        **RULE,
        "id": "sgr-0f01",
        "security_group_rule_id": "sgr-0f01",
        "security_group_id": "sg-0f01",
        "referenced_security_group_id": "sg-0d01",
    },
    ("aws_rds_cluster", "orders"): {
        "id": "orders",
        "cluster_identifier": "orders",
        "engine": "aurora-postgresql",
        "engine_mode": "provisioned",
        "port": 5432,
        "db_subnet_group_name": "shop",
        "master_username": "orders_admin",
        "skip_final_snapshot": True,
        "vpc_security_group_ids": ["sg-0d00", "sg-0d01"],
        "availability_zones": ["eu-central-1a", "eu-central-1b", "eu-central-1c"],
        "copy_tags_to_snapshot": False,
        "enable_global_write_forwarding": False,
        "enable_http_endpoint": False,
        "enable_local_write_forwarding": False,
        "delete_automated_backups": True,
        "tags": {},
        "tags_all": {},
    },
    ("aws_lambda_function", "checkout"): {
        "id": "checkout",
        "function_name": "checkout",
        "role": "arn:aws:iam::123456789012:role/checkout",
        "handler": "index.handler",
        "runtime": "nodejs22.x",
        "s3_bucket": "code",
        "s3_key": "checkout.zip",
        "package_type": "Zip",
        "memory_size": 128,
        "timeout": 3,
        "publish": False,
        "skip_destroy": False,
        "reserved_concurrent_executions": -1,
        "architectures": ["x86_64"],
        "source_code_hash": "",
        "tags": {},
        "tags_all": {},
        "vpc_config": [
            {
                "subnet_ids": ["subnet-0a1a", "subnet-0a1b"],
                "security_group_ids": ["sg-0f00", "sg-0f01"],
                "ipv6_allowed_for_dual_stack": False,
                "vpc_id": "vpc-0a1b2c3d",
            }
        ],
        "tracing_config": [{"mode": "PassThrough"}],
        "ephemeral_storage": [{"size": 512}],
        "logging_config": [
            {"log_format": "Text", "log_group": "/aws/lambda/checkout", "application_log_level": "", "system_log_level": ""}
        ],
    },
}
SCHEMA_VERSIONS = {"aws_security_group": 1}

# Further resources that a plan deletes, or that it changes.
REFUNDS = {
    ("aws_lambda_function", "refunds"): {
        **STATE[("aws_lambda_function", "checkout")],
        "id": "refunds",
        "function_name": "refunds",
    }
}
ACL = {
    ("aws_network_acl", "shop"): {
        "id": "acl-0a1b",
        "vpc_id": "vpc-0a1b2c3d",
        "subnet_ids": ["subnet-0a1a", "subnet-0a1b"],
        "ingress": [],
        "egress": [],
    },
    ("aws_network_acl_rule", "in"): {
        "id": "nacl-1",
        "network_acl_id": "acl-0a1b",
        "rule_number": 100,
        "egress": False,
        "protocol": "-1",
        "rule_action": "allow",
        "cidr_block": "0.0.0.0/0",
    },
}
ACL_CONFIGURATION = """
resource "aws_network_acl" "shop" {
  vpc_id     = "vpc-0a1b2c3d"
  subnet_ids = ["subnet-0a1a", "subnet-0a1b"]
}
resource "aws_network_acl_rule" "in" {
  network_acl_id = aws_network_acl.shop.id
  rule_number    = 100
  egress         = false
  protocol       = "%s"
  rule_action    = "allow"
  cidr_block     = "0.0.0.0/0"
  %s
}
"""
MODULE = """
variable "name" { type = string }
variable "vpc" { type = string }
resource "aws_security_group" "this" {
  name        = var.name
  description = "made by a module"
  vpc_id      = var.vpc
}
output "id" { value = aws_security_group.this.id }
"""

# By the name of a plan: the configuration, the state, and the files of modules.
PLANS = {
    "nothing": (BASE, STATE, {}),
    "cluster-loses-group": (
        BASE.replace('["sg-0d00", aws_security_group.database.id]', '["sg-0d00"]'),
        STATE,
        {},
    ),
    "function-loses-group": (
        BASE.replace('["sg-0f00", aws_security_group.function.id]', '["sg-0f00"]'),
        STATE,
        {},
    ),
    "rule-deleted": (GROUPS + RULES[RULES.index('resource "aws_vpc_security_group_egress') :] + CLUSTER + FUNCTION, STATE, {}),
    "rule-opened": (
        BASE
        + """
resource "aws_vpc_security_group_ingress_rule" "world" {
  security_group_id = aws_security_group.database.id
  cidr_ipv4         = "0.0.0.0/0"
  ip_protocol       = "tcp"
  from_port         = 5432
  to_port           = 5432
}
""",
        STATE,
        {},
    ),
    "inline-opened": (
        BASE.replace(
            '  description = "Made by the console, on cluster orders"\n',
            """  description = "Made by the console, on cluster orders"
  ingress {
    protocol         = "tcp"
    from_port        = 0
    to_port          = 65535
    ipv6_cidr_blocks = ["::/0"]
  }
""",
        ),
        STATE,
        {},
    ),
    "group-replaced": (
        BASE.replace('"rds-lambda-1"', '"rds-lambda-7"').replace(
            '  vpc_id      = "vpc-0a1b2c3d"\n}',
            '  vpc_id      = "vpc-0a1b2c3d"\n  lifecycle { create_before_destroy = true }\n}',
        ),
        STATE,
        {},
    ),
    "group-replaced-without-rules": (
        (GROUPS + CLUSTER + FUNCTION).replace('"rds-lambda-1"', '"rds-lambda-7"'),
        STATE,
        {},
    ),
    "source-unknown": (
        BASE.replace(
            "referenced_security_group_id = aws_security_group.function.id",
            "referenced_security_group_id = terraform_data.group.output",
        )
        + 'resource "terraform_data" "group" { input = timestamp() }\n',
        STATE,
        {},
    ),
    "list-unknown": (
        BASE.replace(
            '["sg-0d00", aws_security_group.database.id]',
            "[for id in split(\",\", terraform_data.groups.output) : id]",
        )
        + 'resource "terraform_data" "groups" { input = timestamp() }\n',
        STATE,
        {},
    ),
    "function-deleted": (GROUPS + RULES + CLUSTER, STATE, {}),
    "cluster-replaced": (BASE.replace('"shop"', '"archive"'), STATE, {}),
    "port-changed": (BASE.replace("port                   = 5432", "port                   = 6432"), STATE, {}),
    "acl-closed": (
        BASE + ACL_CONFIGURATION % ("tcp", "from_port = 443\n  to_port = 443"),
        {**STATE, **ACL},
        {},
    ),
    "acl-unchanged": (BASE + ACL_CONFIGURATION % ("-1", ""), {**STATE, **ACL}, {}),
    "function-created": (
        BASE
        + FUNCTION.replace('"checkout"', '"audit"').replace("checkout.zip", "audit.zip"),
        STATE,
        {},
    ),
    "module": (
        BASE.replace(
            '["sg-0d00", aws_security_group.database.id]',
            '["sg-0d00", aws_security_group.database.id, module.extra["a"].id]',
        )
        + """
module "extra" {
  for_each = toset(["a", "b"])
  source   = "./group"
  name     = each.key
  vpc      = "vpc-0a1b2c3d"
}
resource "aws_security_group_rule" "extra" {
  type              = "ingress"
  security_group_id = module.extra["a"].id
  cidr_blocks       = ["0.0.0.0/1", "128.0.0.0/1"]
  protocol          = "tcp"
  from_port         = 5432
  to_port           = 5432
}
""",
        STATE,
        {"group/main.tf": MODULE},
    ),
    "repaired": (
        BASE
        + FUNCTION.replace('"checkout"', '"refunds"').replace("checkout.zip", "refunds.zip"),
        {
            **STATE,
            ("aws_lambda_function", "refunds"): {
                **REFUNDS[("aws_lambda_function", "refunds")],
                "s3_key": "refunds.zip",
                "role": "arn:aws:iam::123456789012:role/refunds",
                "vpc_config": [
                    {
                        "subnet_ids": ["subnet-0a1a", "subnet-0a1b"],
                        "security_group_ids": ["sg-0f00"],
                        "ipv6_allowed_for_dual_stack": False,
                        "vpc_id": "vpc-0a1b2c3d",
                    }
                ],
            },
        },
        {},
    ),
}

KEPT = {
    "name", "name_prefix", "vpc_id", "description", "ingress", "egress", "tags_all", "id", "type", "protocol", "ip_protocol",
    "from_port", "to_port", "cidr_blocks", "ipv6_cidr_blocks", "prefix_list_ids", "self", "source_security_group_id",
    "security_group_id", "cidr_ipv4", "cidr_ipv6", "prefix_list_id", "referenced_security_group_id", "function_name",
    "vpc_config", "identifier", "cluster_identifier", "engine", "port", "db_subnet_group_name", "vpc_security_group_ids",
    "publicly_accessible", "output", "network_acl_id", "rule_number", "rule_action", "cidr_block", "ipv6_cidr_block", "subnet_ids",
}  # fmt: skip


def state(resources, host):
    entries = []
    for (kind, name), attributes in resources.items():
        entries.append(
            {
                "mode": "managed",
                "type": kind,
                "name": name,
                "provider": f'provider["{host}/hashicorp/aws"]',
                "instances": [{"schema_version": SCHEMA_VERSIONS.get(kind, 0), "attributes": attributes}],
            }
        )
    return {"version": 4, "terraform_version": "1.11.4", "serial": 1, "lineage": "none", "outputs": {}, "resources": entries}


def kept(attributes):
    return {key: attributes[key] for key in sorted(KEPT & attributes.keys())} if isinstance(attributes, dict) else attributes


def trimmed(plan):
    """The plan without what tests do not need, and without what differs between two runs."""

    def module(of):
        resources = [
            {key: resource[key] for key in ("address", "mode", "type", "name")}
            | {"expressions": kept(resource.get("expressions", {}))}
            for resource in of.get("resources", [])
        ]
        calls = {
            name: {"expressions": call.get("expressions", {}), "module": module(call["module"])}
            for name, call in of.get("module_calls", {}).items()
        }
        return {"resources": resources, "module_calls": calls, "outputs": of.get("outputs", {})}

    changes = []
    for found in plan.get("resource_changes", []):
        change = found["change"]
        entry = {key: found[key] for key in ("address", "module_address", "mode", "type", "name", "index") if key in found}
        entry["change"] = {"actions": change["actions"]} | {
            key: kept(change.get(key)) for key in ("before", "after", "after_unknown")
        }
        changes.append(entry)
    return {
        "format_version": plan["format_version"],
        "resource_changes": changes,
        "configuration": {"root_module": module(plan["configuration"]["root_module"])},
        "errored": plan["errored"],
        "complete": plan["complete"],
    }


def make(name, plugins):
    configuration, resources, modules = PLANS[name]
    with tempfile.TemporaryDirectory() as folder:
        root = pathlib.Path(folder)
        (root / "main.tf").write_text(PROVIDER + configuration)
        for path, text in modules.items():
            (root / path).parent.mkdir(parents=True, exist_ok=True)
            (root / path).write_text(text)
        host = sorted(os.listdir(plugins))[0]
        (root / "terraform.tfstate").write_text(json.dumps(state(resources, host)))

        def terraform(*arguments):
            done = subprocess.run(["terraform", *arguments], cwd=root, capture_output=True, text=True)
            if done.returncode:
                sys.exit(f"{name}: terraform {arguments[0]}: {done.stderr}{done.stdout}")
            return done.stdout

        terraform("init", f"-plugin-dir={plugins}", "-no-color")
        terraform("plan", "-refresh=false", "-out=plan", "-no-color")
        return trimmed(json.loads(terraform("show", "-json", "plan")))


def main(arguments):
    only_checks = arguments[:1] == ["--check"]
    plugins, *names = arguments[only_checks:]
    differing = []
    for name in names or PLANS:
        made = json.dumps(make(name, os.path.abspath(plugins)), indent=1, sort_keys=True) + "\n"
        path = HERE / f"{name}.json"
        if not only_checks:
            path.write_text(made)
        elif path.read_text() != made:
            differing.append(name)
    if differing:
        sys.exit(f"these plans are not as Terraform makes them: {', '.join(differing)}")


if __name__ == "__main__":
    main(sys.argv[1:])
