def only_rule($port; $group):
  length == 1 and (.[0] | .IpProtocol == "tcp" and .FromPort == $port and .ToPort == $port
    and [.UserIdGroupPairs[].GroupId] == [$group]
    and (.IpRanges // []) + (.Ipv6Ranges // []) + (.PrefixListIds // []) == []);
def pair($port; $of_function):
  first(.[] as $d | $of_function[] as $f
    | select(($d.IpPermissions | only_rule($port; $f.GroupId)) and ($f.IpPermissionsEgress | only_rule($port; $d.GroupId)) and $f.IpPermissions == [])
    | [$d.GroupId, $f.GroupId]) // null;
$instance[0].DBInstances[0] as $instance | $config[0] as $config
| $instance.Endpoint.Port as $port | $instance.DBSubnetGroup.VpcId as $vpc
| if $instance.DBInstanceStatus != "available" or $config.State != "Active" or $config.LastUpdateStatus != "Successful"
  then error("database or function is being changed") else . end
| if $config.VpcConfig.VpcId != $vpc then error("database and function are in different VPCs") else . end
| [$groups[0].SecurityGroups[] | select(.GroupName | test("^(rds-lambda|lambda-rds)-\\d+$"))] as $groups
| [$instance.VpcSecurityGroups[].VpcSecurityGroupId] as $of_database | $config.VpcConfig.SecurityGroupIds as $of_function
| [$groups[] | select((.GroupName | startswith("rds-")) and (.GroupId | IN($of_database[])))] as $ours
| [$groups[] | select(.GroupName | startswith("lambda-"))] as $theirs
| if ($ours | pair($port; [$theirs[] | select(.GroupId | IN($of_function[]))])) then []
  else ($ours | pair($port; $theirs)) as $found
  | if $found then [["UpdateFunctionConfiguration", $config.FunctionName, $of_function + [$found[1]]]]
    else ([$groups[].GroupName | split("-")[2] | tonumber] | (max // 0) + 1) as $n
    | "rds-lambda-\($n)" as $d | "lambda-rds-\($n)" as $f
    | [["CreateSecurityGroup", $d, $vpc], ["CreateSecurityGroup", $f, $vpc], ["RevokeSecurityGroupEgress", $d], ["RevokeSecurityGroupEgress", $f],
       ["AuthorizeSecurityGroupIngress", $d, $port, $f], ["AuthorizeSecurityGroupEgress", $f, $port, $d],
       ["ModifyDBInstance", $instance.DBInstanceIdentifier, $of_database + [$d]],
       ["UpdateFunctionConfiguration", $config.FunctionName, $of_function + [$f]]]
    end
  end
