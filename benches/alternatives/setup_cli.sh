#!/usr/bin/env bash
# What would connect a function with a DB instance: DATABASE FUNCTION. Reads what is there, decides, and prints the calls.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -r "$folder"' EXIT
aws rds describe-db-instances --db-instance-identifier "$1" --output json >"$folder/instance"
aws lambda get-function-configuration --function-name "$2" --output json >"$folder/function"
vpc=$(jq --raw-output '.DBInstances[0].DBSubnetGroup.VpcId' "$folder/instance")
aws ec2 describe-security-groups --filters "Name=vpc-id,Values=$vpc" 'Name=group-name,Values=rds-lambda-*,lambda-rds-*' \
    --output json >"$folder/groups"
jq --null-input --from-file "$(dirname "$0")/setup.jq" \
    --slurpfile groups "$folder/groups" --slurpfile instance "$folder/instance" --slurpfile config "$folder/function"
