#!/usr/bin/env bash
# Roles of Northwind Insights in its own AWS account 111111111111: chain abac, catalogue 1.0.0.
#
# bash FILE apply     makes what is missing and brings what is there to what stands below; safe to repeat
# bash FILE delete    removes the roles below
set -euo pipefail

ACCOUNT_ID=111111111111
POLICY_NAME=rolebridge
COMPONENT_PATH=/rolebridge/components/
EXISTING_ROLE=''
EXISTING_ROLE_POLICY=''
TEMPLATE_BUCKET=''
TEMPLATE_BUCKET_POLICY=''

# Calls `$1` with each role: name, path, description, trust policy, tags, policy, instance profile.
# shellcheck disable=SC2016  # ${aws:...} is a variable of IAM's, not of this shell's
each_role() {
  "$1" \
    worker \
    /rolebridge/ \
    'Rolebridge'"'"'s worker process' \
    '{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"Service":"ecs-tasks.amazonaws.com"},"Action":"sts:AssumeRole"}]}' \
    '[]' \
    '{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":["sts:AssumeRole","sts:SetSourceIdentity","sts:TagSession"],"Resource":["arn:aws:iam::111111111111:role/rolebridge/components/*","arn:aws:iam::111111111111:role/rolebridge/canary","arn:aws:iam::111111111111:role/rolebridge/forger"]},{"Sid":"ReadOwnRoles","Effect":"Allow","Action":["iam:GetRole","iam:GetRolePolicy","iam:ListAttachedRolePolicies","iam:ListRolePolicies"],"Resource":["arn:aws:iam::111111111111:role/rolebridge/*","arn:aws:iam::111111111111:role/rolebridge-control/*"]}]}' \
    ''
  "$1" \
    compute-analysis \
    /rolebridge/components/ \
    'Component role of compute-analysis' \
    '{"Version":"2012-10-17","Statement":[{"Sid":"WorkerOnly","Effect":"Allow","Principal":{"AWS":"arn:aws:iam::111111111111:role/rolebridge/worker"},"Action":["sts:AssumeRole","sts:SetSourceIdentity","sts:TagSession"]},{"Sid":"NoForgedTags","Effect":"Deny","Principal":{"AWS":"*"},"Action":["sts:AssumeRole","sts:TagSession"],"Condition":{"ForAnyValue:StringEqualsIgnoreCase":{"aws:TagKeys":["Product","Purpose","Component"]}}}]}' \
    '[{"Key":"Product","Value":"northwind"},{"Key":"Purpose","Value":"component"},{"Key":"Component","Value":"compute-analysis"}]' \
    '{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":["sts:AssumeRole","sts:SetSourceIdentity","sts:TagSession"],"Resource":"arn:aws:iam::111111111111:role/rolebridge/integration"}]}' \
    ''
  "$1" \
    log-analysis \
    /rolebridge/components/ \
    'Component role of log-analysis' \
    '{"Version":"2012-10-17","Statement":[{"Sid":"WorkerOnly","Effect":"Allow","Principal":{"AWS":"arn:aws:iam::111111111111:role/rolebridge/worker"},"Action":["sts:AssumeRole","sts:SetSourceIdentity","sts:TagSession"]},{"Sid":"NoForgedTags","Effect":"Deny","Principal":{"AWS":"*"},"Action":["sts:AssumeRole","sts:TagSession"],"Condition":{"ForAnyValue:StringEqualsIgnoreCase":{"aws:TagKeys":["Product","Purpose","Component"]}}}]}' \
    '[{"Key":"Product","Value":"northwind"},{"Key":"Purpose","Value":"component"},{"Key":"Component","Value":"log-analysis"}]' \
    '{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":["sts:AssumeRole","sts:SetSourceIdentity","sts:TagSession"],"Resource":"arn:aws:iam::111111111111:role/rolebridge/integration"}]}' \
    ''
  "$1" \
    trust-test \
    /rolebridge/components/ \
    'Component role of trust-test' \
    '{"Version":"2012-10-17","Statement":[{"Sid":"WorkerOnly","Effect":"Allow","Principal":{"AWS":"arn:aws:iam::111111111111:role/rolebridge/worker"},"Action":["sts:AssumeRole","sts:SetSourceIdentity","sts:TagSession"]},{"Sid":"NoForgedTags","Effect":"Deny","Principal":{"AWS":"*"},"Action":["sts:AssumeRole","sts:TagSession"],"Condition":{"ForAnyValue:StringEqualsIgnoreCase":{"aws:TagKeys":["Product","Purpose","Component"]}}}]}' \
    '[{"Key":"Product","Value":"northwind"},{"Key":"Purpose","Value":"trust-test"},{"Key":"Component","Value":"trust-test"}]' \
    '{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":["sts:AssumeRole","sts:SetSourceIdentity","sts:TagSession"],"Resource":"arn:aws:iam::111111111111:role/rolebridge/integration"}]}' \
    ''
  "$1" \
    canary \
    /rolebridge/ \
    'Tries customer roles that must refuse it' \
    '{"Version":"2012-10-17","Statement":[{"Sid":"WorkerOnly","Effect":"Allow","Principal":{"AWS":"arn:aws:iam::111111111111:role/rolebridge/worker"},"Action":["sts:AssumeRole","sts:SetSourceIdentity","sts:TagSession"]},{"Sid":"NoForgedTags","Effect":"Deny","Principal":{"AWS":"*"},"Action":["sts:AssumeRole","sts:TagSession"],"Condition":{"ForAnyValue:StringEqualsIgnoreCase":{"aws:TagKeys":["Product","Purpose","Component"]}}}]}' \
    '[]' \
    '{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"sts:AssumeRole","Resource":"arn:aws:iam::*:role/*"},{"Sid":"NeverOurOwnRoles","Effect":"Deny","Action":["sts:AssumeRole","sts:SetSourceIdentity","sts:TagSession"],"NotResource":["arn:aws:iam::111111111111:role/rolebridge-control/open-door","arn:aws:iam::111111111111:role/rolebridge-control/stand-in"],"Condition":{"StringEquals":{"aws:ResourceAccount":"111111111111"}}}]}' \
    ''
  "$1" \
    open-door \
    /rolebridge-control/ \
    'May be entered by every role of this account, and may do nothing' \
    '{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"AWS":"arn:aws:iam::111111111111:root"},"Action":["sts:AssumeRole","sts:SetSourceIdentity","sts:TagSession"]}]}' \
    '[]' \
    '' \
    ''
  "$1" \
    integration \
    /rolebridge/ \
    'The one role that customers trust' \
    '{"Version":"2012-10-17","Statement":[{"Sid":"TaggedComponentRoles","Effect":"Allow","Principal":{"AWS":"arn:aws:iam::111111111111:root"},"Action":["sts:AssumeRole","sts:TagSession"],"Condition":{"StringEquals":{"aws:PrincipalTag/Product":"northwind","aws:RequestTag/Purpose":"${aws:PrincipalTag/Purpose}","aws:RequestTag/Component":"${aws:PrincipalTag/Component}"},"ArnLike":{"aws:PrincipalArn":"arn:aws:iam::111111111111:role/rolebridge/components/*"}}},{"Sid":"PassSourceIdentity","Effect":"Allow","Principal":{"AWS":"arn:aws:iam::111111111111:root"},"Action":"sts:SetSourceIdentity","Condition":{"StringEquals":{"aws:PrincipalTag/Product":"northwind"},"ArnLike":{"aws:PrincipalArn":"arn:aws:iam::111111111111:role/rolebridge/components/*"}}},{"Sid":"NoForgedTags","Effect":"Deny","Principal":{"AWS":"*"},"Action":["sts:AssumeRole","sts:TagSession"],"Condition":{"ForAnyValue:StringEqualsIgnoreCase":{"aws:TagKeys":["Product"]}}}]}' \
    '[]' \
    '{"Version":"2012-10-17","Statement":[{"Sid":"ComponentSessions","Effect":"Allow","Action":"sts:AssumeRole","Resource":"arn:aws:iam::*:role/*","Condition":{"StringEquals":{"aws:PrincipalTag/Purpose":"component","iam:ResourceTag/Product":"northwind","sts:ExternalId":"${aws:PrincipalTag/ExternalId}"}}},{"Sid":"TrustTestSessions","Effect":"Allow","Action":"sts:AssumeRole","Resource":"arn:aws:iam::*:role/*","Condition":{"StringEquals":{"aws:PrincipalTag/Purpose":"trust-test"}}},{"Sid":"PassSessionContext","Effect":"Allow","Action":["sts:SetSourceIdentity","sts:TagSession"],"Resource":"arn:aws:iam::*:role/*"},{"Sid":"NeverOurOwnRoles","Effect":"Deny","Action":["sts:AssumeRole","sts:SetSourceIdentity","sts:TagSession"],"NotResource":["arn:aws:iam::111111111111:role/rolebridge-control/open-door","arn:aws:iam::111111111111:role/rolebridge-control/stand-in"],"Condition":{"StringEquals":{"aws:ResourceAccount":"111111111111"}}}]}' \
    ''
  "$1" \
    untagged \
    /rolebridge/components/ \
    'Lacks the product tag, so it must not become the integration role; tried by the vendor doctor' \
    '{"Version":"2012-10-17","Statement":[{"Sid":"WorkerOnly","Effect":"Allow","Principal":{"AWS":"arn:aws:iam::111111111111:role/rolebridge/worker"},"Action":["sts:AssumeRole","sts:SetSourceIdentity","sts:TagSession"]},{"Sid":"NoForgedTags","Effect":"Deny","Principal":{"AWS":"*"},"Action":["sts:AssumeRole","sts:TagSession"],"Condition":{"ForAnyValue:StringEqualsIgnoreCase":{"aws:TagKeys":["Product","Purpose","Component"]}}}]}' \
    '[{"Key":"Purpose","Value":"component"},{"Key":"Component","Value":"untagged"}]' \
    '{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":["sts:AssumeRole","sts:SetSourceIdentity","sts:TagSession"],"Resource":["arn:aws:iam::111111111111:role/rolebridge/integration","arn:aws:iam::111111111111:role/rolebridge-control/open-door"]}]}' \
    ''
  "$1" \
    forger \
    /rolebridge/ \
    'Lets its sessions bring any tag, so it must not become the integration role; tried by the vendor doctor' \
    '{"Version":"2012-10-17","Statement":[{"Sid":"WorkerWithAnyTag","Effect":"Allow","Principal":{"AWS":"arn:aws:iam::111111111111:role/rolebridge/worker"},"Action":["sts:AssumeRole","sts:SetSourceIdentity","sts:TagSession"]}]}' \
    '[]' \
    '{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":["sts:AssumeRole","sts:SetSourceIdentity","sts:TagSession"],"Resource":["arn:aws:iam::111111111111:role/rolebridge/integration","arn:aws:iam::111111111111:role/rolebridge-control/open-door"]}]}' \
    ''
  "$1" \
    stand-in \
    /rolebridge-control/ \
    'Stands for a customer role when the vendor doctor tries the chain, and may do nothing' \
    '{"Version":"2012-10-17","Statement":[{"Sid":"AnyExternalId","Effect":"Allow","Principal":{"AWS":"arn:aws:iam::111111111111:root"},"Action":["sts:AssumeRole","sts:SetSourceIdentity","sts:TagSession"],"Condition":{"ArnLike":{"aws:PrincipalArn":"arn:aws:iam::111111111111:role/rolebridge/integration"}}}]}' \
    '[{"Key":"Product","Value":"northwind"}]' \
    '' \
    ''
}

fail() {
  printf '%s\n' "$1" >&2
  exit 1
}

# The path of role `$1`; empty if there is no such role. Any other error ends the script.
path_of() {
  local answer
  if answer=$(aws iam get-role --role-name "$1" --query Role.Path --output text 2>&1); then
    printf '%s' "$answer"
  elif [[ $answer != *NoSuchEntity* ]]; then
    fail "$answer"
  fi
}

# A role made a moment ago may not be known yet as a principal; IAM then calls the trust policy malformed.
patiently() {
  local attempt answer
  for attempt in 1 2 3 4 5 6; do
    if answer=$("$@" 2>&1); then
      return 0
    elif [[ $attempt == 6 || $answer != *MalformedPolicyDocument* ]]; then
      fail "$answer"
    fi
    sleep 5
  done
}

apply_role() {
  local name=$1 path=$2 description=$3 trust=$4 tags=$5 policy=$6 profile=$7 found
  found=$(path_of "$name")
  if [[ -z $found ]]; then
    local options=()
    [[ $tags == '[]' ]] || options=(--tags "$tags")
    patiently aws iam create-role --role-name "$name" --path "$path" --description "$description" \
      --assume-role-policy-document "$trust" ${options[@]+"${options[@]}"}
    printf 'created  %s\n' "$path$name"
  elif [[ $found != "$path" ]]; then
    fail "The role '$name' exists already, in the path $found. Rename it or give --role-path. Nothing was changed in it."
  else
    patiently aws iam update-assume-role-policy --role-name "$name" --policy-document "$trust"
    aws iam update-role --role-name "$name" --description "$description" >/dev/null
    [[ $tags == '[]' ]] || aws iam tag-role --role-name "$name" --tags "$tags"
    printf 'updated  %s\n' "$path$name"
  fi
  if [[ -n $policy ]]; then
    aws iam put-role-policy --role-name "$name" --policy-name "$POLICY_NAME" --policy-document "$policy"
  fi
  if [[ -n $profile ]]; then
    apply_profile "$profile" "$path" "$name"
  fi
}

apply_profile() {
  local profile=$1 path=$2 role=$3 holds
  if ! holds=$(aws iam get-instance-profile --instance-profile-name "$profile" \
    --query 'InstanceProfile.Roles[].RoleName' --output text 2>&1); then
    [[ $holds == *NoSuchEntity* ]] || fail "$holds"
    aws iam create-instance-profile --instance-profile-name "$profile" --path "$path" >/dev/null
    holds=''
  fi
  if [[ $holds != *"$role"* ]]; then
    aws iam add-role-to-instance-profile --instance-profile-name "$profile" --role-name "$role"
  fi
}

delete_role() {
  local name=$1 path=$2 policy=$6 profile=$7 found
  found=$(path_of "$name")
  if [[ $found != "$path" ]]; then
    return 0
  fi
  if [[ -n $profile ]]; then
    quietly aws iam remove-role-from-instance-profile --instance-profile-name "$profile" --role-name "$name"
    quietly aws iam delete-instance-profile --instance-profile-name "$profile"
  fi
  if [[ -n $policy ]]; then
    quietly aws iam delete-role-policy --role-name "$name" --policy-name "$POLICY_NAME"
  fi
  aws iam delete-role --role-name "$name"
  printf 'deleted  %s\n' "$path$name"
}

# Runs a deletion; what is gone already is fine.
quietly() {
  local answer
  if ! answer=$("$@" 2>&1); then
    [[ $answer == *NoSuchEntity* ]] || fail "$answer"
  fi
}

KNOWN=' '
remember() {
  KNOWN+="$1 "
}

# Component roles that no component of the catalogue has any more stay, for somebody to decide about.
name_leftovers() {
  local name
  each_role remember
  for name in $(aws iam list-roles --path-prefix "$COMPONENT_PATH" --query 'Roles[].RoleName' --output text); do
    if [[ $name != None && $KNOWN != *" $name "* ]]; then
      printf 'left     %s is no component of the catalogue; delete it by hand if nothing needs it\n' "$COMPONENT_PATH$name"
    fi
  done
}

main() {
  local account
  account=$(aws sts get-caller-identity --query Account --output text)
  if [[ $account != "$ACCOUNT_ID" ]]; then
    fail "These are credentials of account $account; the roles belong into account $ACCOUNT_ID. Nothing was changed."
  fi
  case ${1:-} in
    apply)
      if [[ -n $EXISTING_ROLE ]]; then
        aws iam put-role-policy --role-name "$EXISTING_ROLE" --policy-name "$POLICY_NAME" \
          --policy-document "$EXISTING_ROLE_POLICY"
      fi
      each_role apply_role
      if [[ -n $TEMPLATE_BUCKET ]]; then
        aws s3api put-bucket-policy --bucket "$TEMPLATE_BUCKET" --policy "$TEMPLATE_BUCKET_POLICY"
        printf 'updated  bucket policy of %s\n' "$TEMPLATE_BUCKET"
      fi
      name_leftovers
      ;;
    delete)
      if [[ -n $TEMPLATE_BUCKET ]]; then
        aws s3api delete-bucket-policy --bucket "$TEMPLATE_BUCKET"
      fi
      each_role delete_role
      if [[ -n $EXISTING_ROLE ]]; then
        quietly aws iam delete-role-policy --role-name "$EXISTING_ROLE" --policy-name "$POLICY_NAME"
      fi
      ;;
    *)
      fail "Say apply or delete: bash $0 apply"
      ;;
  esac
}

main "$@"
