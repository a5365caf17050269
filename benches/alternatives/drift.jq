def only_rule($port; $group):
  length == 1 and (.[0] | .IpProtocol == "tcp" and .FromPort == $port and .ToPort == $port
    and [.UserIdGroupPairs[].GroupId] == [$group]
    and (.IpRanges // []) + (.Ipv6Ranges // []) + (.PrefixListIds // []) == []);
($groups[0].SecurityGroups | INDEX(.GroupId)) as $groups
| ($instances[0].DBInstances | INDEX(.DBInstanceIdentifier)) as $instances
| ($functions[0].Functions | INDEX(.FunctionName)) as $functions
| inputs | split(" ") as [$database, $function]
| $instances[$database] as $instance | $functions[$function] as $config
| if $instance == null or $config == null then "database or function is gone"
  else $instance.Endpoint.Port as $port
  | [$instance.VpcSecurityGroups[].VpcSecurityGroupId | $groups[.] | select(.GroupName | test("^rds-lambda-\\d+$"))] as $of_database
  | [$config.VpcConfig.SecurityGroupIds[]? | $groups[.] | select(.GroupName | test("^lambda-rds-\\d+$"))] as $of_function
  | if any($of_database[] as $d | $of_function[] as $f
      | ($d.IpPermissions | only_rule($port; $f.GroupId)) and ($f.IpPermissionsEgress | only_rule($port; $d.GroupId)) and $f.IpPermissions == []; .)
    then "in sync" else "no pair of groups connects them" end
  end
| "\($database) \($function) \(.)"
