#!/usr/bin/env bash
# Whether the connections of a file are as they were made: a database and a function on each line. Status 2 if one is not.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -r "$folder"' EXIT
aws ec2 describe-security-groups --output json >"$folder/groups"
aws rds describe-db-instances --output json >"$folder/instances"
aws lambda list-functions --output json >"$folder/functions"
jq --raw-output --raw-input --null-input --from-file "$(dirname "$0")/drift.jq" \
    --slurpfile groups "$folder/groups" --slurpfile instances "$folder/instances" --slurpfile functions "$folder/functions" <"$1" \
    | tee "$folder/found"
! grep --quiet --invert-match 'in sync$' "$folder/found" || exit 2
