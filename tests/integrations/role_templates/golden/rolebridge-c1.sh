#!/usr/bin/env bash
# Northwind Insights: access to AWS account 222222222222, catalogue 1.0.0.
# Each role can be entered by one role of ours only, and only with the external ID below. The external ID,
# the trusted role, the role names and the path belong together: change them in the portal, not here.
# SHA-256 of the roles as canonical JSON, the same in every format: c3776822580039799ccb93c129e325c15db53c4f84f0145b2f95323bdec8ae66
#
# bash rolebridge-c1.sh create    makes what is missing, and brings what is there to what stands below
# bash rolebridge-c1.sh update    the same for roles that are there; makes no role
# bash rolebridge-c1.sh delete    removes exactly what it made
#
# PERMISSIONS_BOUNDARY and MAX_SESSION_SECONDS in the environment take the place of the values below.
set -euo pipefail

ACCOUNT_ID=222222222222
PARTITION=aws
CHOSEN_BOUNDARY=''
CHOSEN_SESSION=3600
# Chosen once and no more, one a line: an update takes these off the roles, and nothing of others.
DROPPED_TAGS=''
DROPPED_BOUNDARIES=''

# Calls `$1` with each role: name, path, description, trust policy, tags, inline policy, managed policies.
each_role() {
  "$1" \
    rolebridge-c1-compute-analysis \
    / \
    'Lets Northwind Insights do its Compute analysis' \
    '{
    "Version": "2012-10-17",
    "Statement": [
        {
            "Sid": "AssumeWithExternalId",
            "Effect": "Allow",
            "Principal": {
                "AWS": "arn:aws:iam::111111111111:role/rolebridge/integration"
            },
            "Action": "sts:AssumeRole",
            "Condition": {
                "StringEquals": {
                    "sts:ExternalId": "rb-7Yw0vJk3m9Qp2Xs5Zt8A"
                }
            }
        },
        {
            "Sid": "PassSessionContext",
            "Effect": "Allow",
            "Principal": {
                "AWS": "arn:aws:iam::111111111111:role/rolebridge/integration"
            },
            "Action": [
                "sts:SetSourceIdentity",
                "sts:TagSession"
            ]
        }
    ]
}' \
    '[
    {
        "Key": "Product",
        "Value": "northwind"
    },
    {
        "Key": "Product-role-version",
        "Value": "1.0.0"
    }
]' \
    permissions \
    '{
    "Version": "2012-10-17",
    "Statement": [
        {
            "Effect": "Allow",
            "Action": [
                "ec2:DescribeInstances",
                "rds:DescribeDBInstances",
                "s3:GetLifecycleConfiguration"
            ],
            "Resource": "*"
        }
    ]
}'
}
PERMISSIONS_BOUNDARY="${PERMISSIONS_BOUNDARY-$CHOSEN_BOUNDARY}"
MAX_SESSION_SECONDS="${MAX_SESSION_SECONDS-$CHOSEN_SESSION}"
export AWS_PAGER=""

fail() {
  printf '%s\n' "$*" >&2
  exit 1
}

say() {
  printf '%s\n' "$*"
}

# The JSON that a read of IAM prints; nothing where there is no such thing. Any other refusal ends the script: its
# callers assign the answer, since bash goes on after a failure inside a comparison.
read_iam() {
  local answer
  if answer="$(aws iam "$@" --output json 2>&1)"; then
    printf '%s' "$answer"
  elif [[ "$answer" != *NoSuchEntity* ]]; then
    fail "$answer"
  fi
}

# Words that a read of IAM prints, one a line.
list_iam() {
  local answer
  answer="$(aws iam "$@" --output text)"
  if [[ -n "$answer" && "$answer" != None ]]; then
    printf '%s\n' "$answer" | tr '\t' '\n'
  fi
}

check_account() {
  local account
  account="$(aws sts get-caller-identity --query Account --output text)"
  [[ "$account" == "$ACCOUNT_ID" ]] ||
    fail "You are signed in to AWS account $account; these roles are for $ACCOUNT_ID."
}

# A role of that name that is not ours is left alone, whatever is asked for.
check_ours() {
  local name="$1" path="$2" arn="$3"
  [[ "$arn" == "\"arn:$PARTITION:iam::$ACCOUNT_ID:role$path$name\"" ]] ||
    fail "There is a role $name already, $arn. It is not the one this script makes, and is left as it is."
}

policy_arn() {
  printf 'arn:%s:iam::%s:policy%s%s' "$PARTITION" "$ACCOUNT_ID" "$1" "$2"
}

attached_policies() {
  list_iam list-attached-role-policies --role-name "$1" --query 'AttachedPolicies[].PolicyArn'
}

# Whether a policy is one of those this script makes for a role: called after it, numbered, in its path.
is_ours() {
  local prefix
  prefix="$(policy_arn "$2" "$1-")"
  [[ "$3" == "$prefix"* && "${3#"$prefix"}" =~ ^[0-9]+$ ]]
}

create_role() {
  local name="$1" path="$2" description="$3" trust="$4" tags="$5" boundary=()
  if [[ -n "$PERMISSIONS_BOUNDARY" ]]; then
    boundary=(--permissions-boundary "$PERMISSIONS_BOUNDARY")
  fi
  aws iam create-role --role-name "$name" --path "$path" --description "$description" \
    --assume-role-policy-document "$trust" --tags "$tags" --max-session-duration "$MAX_SESSION_SECONDS" \
    ${boundary[@]+"${boundary[@]}"} --output text --query Role.Arn
}

update_role() {
  local name="$1" description="$3" trust="$4" tags="$5" there boundary
  there="$(read_iam get-role --role-name "$name" --query Role.AssumeRolePolicyDocument)"
  if [[ "$there" != "$trust" ]]; then
    aws iam update-assume-role-policy --role-name "$name" --policy-document "$trust"
    say "$name: trust policy updated"
  fi
  there="$(list_iam get-role --role-name "$name" --query 'Role.[Description,to_string(MaxSessionDuration)]')"
  if [[ "$there" != "$description"$'\n'"$MAX_SESSION_SECONDS" ]]; then
    aws iam update-role --role-name "$name" --description "$description" --max-session-duration "$MAX_SESSION_SECONDS"
    say "$name: description and session length updated"
  fi
  boundary="$(list_iam get-role --role-name "$name" --query Role.PermissionsBoundary.PermissionsBoundaryArn)"
  if [[ -n "$PERMISSIONS_BOUNDARY" && "$boundary" != "$PERMISSIONS_BOUNDARY" ]]; then
    aws iam put-role-permissions-boundary --role-name "$name" --permissions-boundary "$PERMISSIONS_BOUNDARY"
    say "$name: permissions boundary updated"
  elif [[ -z "$PERMISSIONS_BOUNDARY" && -n "$boundary" ]] && grep -Fxq -- "$boundary" <<<"$DROPPED_BOUNDARIES"; then
    aws iam delete-role-permissions-boundary --role-name "$name"
    say "$name: permissions boundary $boundary removed"
  elif [[ -z "$PERMISSIONS_BOUNDARY" && -n "$boundary" ]]; then
    say "$name: has the permissions boundary $boundary, which is left as it is"
  fi
  aws iam tag-role --role-name "$name" --tags "$tags"
  untag_role "$name"
}

# Takes the dropped tags off a role. A key holds neither quotes nor backslashes, so it is written into JSON as it is.
untag_role() {
  local name="$1" key there
  [[ -n "$DROPPED_TAGS" ]] || return 0
  there="$(list_iam list-role-tags --role-name "$name" --query 'Tags[].Key')"
  while IFS= read -r key; do
    if [[ -n "$key" ]] && grep -Fxq -- "$key" <<<"$DROPPED_TAGS"; then
      aws iam untag-role --role-name "$name" --tag-keys "[\"$key\"]"
      say "$name: tag $key removed"
    fi
  done <<<"$there"
}

put_inline_policy() {
  local name="$1" policy="$2" document="$3" there
  there="$(read_iam get-role-policy --role-name "$name" --policy-name "$policy" --query PolicyDocument)"
  if [[ "$there" != "$document" ]]; then
    aws iam put-role-policy --role-name "$name" --policy-name "$policy" --policy-document "$document"
    say "$name: policy $policy put in place"
  fi
}

delete_inline_policy() {
  local name="$1" there
  there="$(read_iam get-role-policy --role-name "$name" --policy-name permissions)"
  if [[ -n "$there" ]]; then
    aws iam delete-role-policy --role-name "$name" --policy-name permissions
    say "$name: policy permissions removed"
  fi
}

put_managed_policy() {
  local name="$1" path="$2" policy="$3" document="$4" arn there version versions
  arn="$(policy_arn "$path" "$policy")"
  there="$(read_iam get-policy --policy-arn "$arn")"
  if [[ -z "$there" ]]; then
    aws iam create-policy --policy-name "$policy" --path "$path" --policy-document "$document" \
      --output text --query Policy.Arn
  else
    version="$(list_iam get-policy --policy-arn "$arn" --query Policy.DefaultVersionId)"
    there="$(read_iam get-policy-version --policy-arn "$arn" --version-id "$version" --query PolicyVersion.Document)"
    if [[ "$there" != "$document" ]]; then
      # A policy has five versions at the most: the oldest makes room.
      versions="$(list_iam list-policy-versions --policy-arn "$arn" \
        --query 'sort_by(Versions[?!IsDefaultVersion], &CreateDate)[].VersionId')"
      if [[ "$(grep -c . <<<"$versions")" -ge 4 ]]; then
        aws iam delete-policy-version --policy-arn "$arn" --version-id "$(head -n 1 <<<"$versions")"
      fi
      aws iam create-policy-version --policy-arn "$arn" --policy-document "$document" --set-as-default \
        --output text --query PolicyVersion.VersionId
      say "$name: policy $policy updated"
    fi
  fi
  there="$(attached_policies "$name")"
  if ! grep -Fxq -- "$arn" <<<"$there"; then
    aws iam attach-role-policy --role-name "$name" --policy-arn "$arn"
    say "$name: policy $policy attached"
  fi
}

remove_managed_policy() {
  local name="$1" arn="$2" version versions
  aws iam detach-role-policy --role-name "$name" --policy-arn "$arn"
  versions="$(list_iam list-policy-versions --policy-arn "$arn" --query 'Versions[?!IsDefaultVersion].VersionId')"
  while IFS= read -r version; do
    if [[ -n "$version" ]]; then
      aws iam delete-policy-version --policy-arn "$arn" --version-id "$version"
    fi
  done <<<"$versions"
  aws iam delete-policy --policy-arn "$arn"
  say "$name: policy $arn removed"
}

# Takes away the policies of ours that are attached to a role and not among the further arguments.
remove_other_managed_policies() {
  local name="$1" path="$2" arn attached wanted
  shift 2
  wanted="$(printf '%s\n' "$@")"
  attached="$(attached_policies "$name")"
  while IFS= read -r arn; do
    if is_ours "$name" "$path" "$arn" && ! grep -Fxq -- "$arn" <<<"$wanted"; then
      remove_managed_policy "$name" "$arn"
    fi
  done <<<"$attached"
}

converge() {
  local name="$1" path="$2" inline="$6" document="$7" role=("${@:1:5}") wanted=() there
  shift 7
  there="$(read_iam get-role --role-name "$name" --query Role.Arn)"
  if [[ -z "$there" ]]; then
    [[ "$COMMAND" == create ]] || fail "There is no role $name. Use create."
    create_role "${role[@]}"
  else
    check_ours "$name" "$path" "$there"
    update_role "${role[@]}"
  fi
  while [[ $# -gt 0 ]]; do
    put_managed_policy "$name" "$path" "$1" "$2"
    wanted+=("$(policy_arn "$path" "$1")")
    shift 2
  done
  if [[ -n "$inline" ]]; then
    put_inline_policy "$name" "$inline" "$document"
  else
    delete_inline_policy "$name"
  fi
  remove_other_managed_policies "$name" "$path" ${wanted[@]+"${wanted[@]}"}
  say "$name: as it should be"
}

remove() {
  local name="$1" path="$2" there arn policy
  there="$(read_iam get-role --role-name "$name" --query Role.Arn)"
  if [[ -z "$there" ]]; then
    say "$name: not there"
    return
  fi
  check_ours "$name" "$path" "$there"
  # What somebody else attached is not ours to remove, and IAM deletes no role that has it: look before anything goes.
  there="$(attached_policies "$name")"
  while IFS= read -r arn; do
    [[ -z "$arn" ]] || is_ours "$name" "$path" "$arn" ||
      fail "$name: has the policy $arn, which this script did not attach. Detach it, then run delete again."
  done <<<"$there"
  there="$(list_iam list-role-policies --role-name "$name" --query 'PolicyNames[]')"
  while IFS= read -r policy; do
    [[ -z "$policy" || "$policy" == permissions ]] ||
      fail "$name: has the inline policy $policy, which this script did not make. Delete it, then run delete again."
  done <<<"$there"
  remove_other_managed_policies "$name" "$path"
  delete_inline_policy "$name"
  aws iam delete-role --role-name "$name"
  say "$name: deleted"
}

COMMAND="${1-}"
case "$COMMAND" in
  create | update)
    check_account
    each_role converge
    ;;
  delete)
    check_account
    each_role remove
    ;;
  *)
    fail "Usage: bash $0 create | update | delete"
    ;;
esac
