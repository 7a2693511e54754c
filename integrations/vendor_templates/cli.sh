
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
