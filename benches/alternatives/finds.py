"""What each answer to the question of drift finds: three changes, made one after the other to one connection. Prints a table.

Takes the options of run.py.
"""

import json

from account import Account
from run import Compared, options

# What each prints or returns where it finds something.
STATUS = {"autoconnect", "boto3 script", "AWS CLI script", "Terraform plan"}


def main():
    compared = Compared(options(), 1)
    try:
        compared.prepare()
        account = Account(compared.peer.url)
        groups = {group["GroupName"]: group for group in account.ec2.describe_security_groups()["SecurityGroups"]}
        database, function = groups["rds-lambda-1"], groups["lambda-rds-1"]
        rule = database["IpPermissions"]
        open_to_all = [{"IpProtocol": "tcp", "FromPort": 5432, "ToPort": 5432, "IpRanges": [{"CidrIp": "0.0.0.0/0"}]}]
        place = account.functions.get_function_configuration(FunctionName="function-0")["VpcConfig"]
        subnets, on_function = place["SubnetIds"], place["SecurityGroupIds"]
        without = [id for id in on_function if id != function["GroupId"]]

        def let_in(rules):
            account.ec2.authorize_security_group_ingress(GroupId=database["GroupId"], IpPermissions=rules)

        def keep_out(rules):
            account.ec2.revoke_security_group_ingress(GroupId=database["GroupId"], IpPermissions=rules)

        def put(groups):
            account.functions.update_function_configuration(FunctionName="function-0", VpcConfig={"SubnetIds": subnets, "SecurityGroupIds": groups})
            for _ in range(2):
                account.functions.get_function_configuration(FunctionName="function-0")

        changes = {
            "nothing": (lambda: None, lambda: None),
            "the database's group lets the internet in, too": (lambda: let_in(open_to_all), lambda: keep_out(open_to_all)),
            "the function has lost its group": (lambda: put(without), lambda: put(on_function)),
            # Last: the rule that is made again is another one to Terraform.
            "the database's group has no rule any more": (lambda: keep_out(rule), lambda: let_in(rule)),
        }
        commands = compared.questions()["drift"]
        print("| what was changed | " + " | ".join(commands) + " |\n|---|" + "---|" * len(commands))
        for change, (do, undo) in changes.items():
            do()
            print(f"| {change} | " + " | ".join(found(compared, name, *command) for name, command in commands.items()) + " |", flush=True)
            undo()
    finally:
        compared.close()


def found(compared, name, command, folder):
    run = compared.run(command, folder)
    if name in STATUS:
        return {0: "–", 2: "found"}.get(run.status, f"status {run.status}")
    listed = [json.loads(file.read_text()) for file in (compared.folder / "custodian").glob("*/resources.json")]
    return "found" if any(listed) else "–"


if __name__ == "__main__":
    main()
