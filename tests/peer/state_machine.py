"""Runs a state machine in moto's interpreter: definition and input on standard input, its output on standard output."""

import json
import sys
import time

import boto3
from moto import mock_aws

given = json.load(sys.stdin)
with mock_aws(config={"stepfunctions": {"execute_state_machine": True}}):
    client = boto3.client(
        "stepfunctions", region_name="eu-central-1", aws_access_key_id="test", aws_secret_access_key="test"
    )
    machine = client.create_state_machine(
        name="machine", definition=json.dumps(given["definition"]), roleArn="arn:aws:iam::123456789012:role/machine"
    )
    started = client.start_execution(stateMachineArn=machine["stateMachineArn"], input=json.dumps(given["input"]))
    execution = {"status": "RUNNING"}
    while execution["status"] == "RUNNING":
        time.sleep(0.1)
        execution = client.describe_execution(executionArn=started["executionArn"])
assert execution["status"] == "SUCCEEDED", execution
sys.stdout.write(execution["output"])
