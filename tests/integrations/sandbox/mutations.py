"""Sandboxes with one rule broken: `python -m tests.integrations.sandbox.mutations NAME --port N`.

`test_mutations.py` shows for each that a test notices.
"""

import dataclasses
import importlib
import sys
from collections.abc import Callable

from integrations.sandbox import (
    authorisation,
    buckets,
    callers,
    condition_keys,
    demands,
    documents,
    gate,
    identities,
    options,
    organisations,
    reference,
    sts,
)
from integrations.sandbox import control as control_addresses
from integrations.sandbox.policy import conditions, document, patterns
from integrations.sandbox.policy.principals import Grant, grant_of

# The package's own name `evaluate` is the function.
evaluation = importlib.import_module("integrations.sandbox.policy.evaluate")


def no_chain_cap():
    sts.LONGEST_CHAINED = 10**9


def tags_not_carried():
    sts._inherited = lambda _caller: {}


def session_tags_are_no_principal_tags():
    original = callers.Callers.tags
    callers.Callers.tags = lambda self, caller: {
        key: tag
        for key, tag in original(self, caller).items()
        if caller.session is None or key not in caller.session.tags
    }


def no_boundary():
    identities._boundary = lambda _arn: None


def no_session_policies():
    callers._session_policies = lambda _session: None


def _without(action):
    original = sts.TokenService._demand

    def demand(self, caller, item, asked, policies, keys):
        if asked != action:
            original(self, caller, item, asked, policies, keys)

    sts.TokenService._demand = demand


def no_tag_session():
    _without("sts:TagSession")


def no_set_source_identity():
    _without("sts:SetSourceIdentity")


def external_id_offered_to_every_check():
    original = sts.TokenService._demand

    def demand(self, caller, item, asked, policies, keys):
        offered = {**keys, "sts:externalid": (item.external_id,)} if item.external_id else keys
        original(self, caller, item, asked, policies, offered)

    sts.TokenService._demand = demand


def source_identity_may_change():
    sts._source_identity = lambda _caller, item: item.source_identity


def no_explicit_deny():
    evaluation._explicit_denial = lambda *_arguments: None


def no_service_control_policies():
    organisations.service_control = lambda _partition, _account: ()


def account_root_is_enough():
    document.grant_of = lambda principals, caller: (
        Grant.EXACT if grant_of(principals, caller) else grant_of(principals, caller)
    )


def trust_across_accounts_is_enough():
    original = sts.Request
    sts.Request = lambda action, resource, principal, keys, _account: original(
        action, resource, principal, keys, principal.account
    )


def no_conditions():
    conditions.Condition.holds = lambda _self, _context: True


def variables_without_values():
    patterns.Variable.resolve = lambda _self, _context: None


def principals_kept_as_arns():
    documents.to_ids = lambda text: text


def sessions_never_expire():
    original = callers.Sessions.get
    callers.Sessions.get = lambda self, key: (
        None if (found := original(self, key)) is None else dataclasses.replace(found, expires=float("inf"))
    )


def signatures_unchecked():
    gate.verify = lambda *_arguments: None


def inactive_keys_accepted():
    original = identities.Identities.access_key
    identities.Identities.access_key = lambda self, key: (
        None if (found := original(self, key)) is None else dataclasses.replace(found, active=True)
    )


def no_bucket_policies():
    buckets.bucket_policy = lambda _bucket: None


def nothing_is_authorised():
    authorisation.Authoriser.demand = lambda *_arguments: None


def no_tagging_at_creation():
    demands.demands_of_creation_tags = lambda *_arguments: ()


def no_passed_roles():
    demands.demands_of_passed_roles = lambda *_arguments: ()


def keys_offered_to_every_action():
    reference.Offered.holds = lambda _self, _key: True


def no_keys_of_parameters():
    condition_keys.keys_of_parameters = lambda *_arguments: {}


def no_keys_of_resources():
    condition_keys.keys_of_resource = lambda *_arguments: {}


def service_control_policies_at_once():
    identities.Identities.service_control = lambda _self, partition, account: organisations.service_control(
        partition, account
    )


def bucket_policies_at_once():
    identities.Identities.bucket_policy = lambda _self, resource: buckets.bucket_policy(buckets.bucket_of(resource))


def identities_at_once():
    identities.Identities._past_of = lambda *_arguments: None


def controls_open_to_web_pages():
    control_addresses.from_a_web_page = lambda _request: False


MUTATIONS: dict[str, Callable[[], None]] = {
    made.__name__: made
    for made in (
        no_chain_cap, tags_not_carried, session_tags_are_no_principal_tags, no_boundary, no_session_policies,
        no_tag_session, no_set_source_identity, external_id_offered_to_every_check, source_identity_may_change,
        no_explicit_deny, no_service_control_policies, account_root_is_enough, trust_across_accounts_is_enough,
        no_conditions, variables_without_values, principals_kept_as_arns, sessions_never_expire, signatures_unchecked,
        inactive_keys_accepted, no_bucket_policies, nothing_is_authorised, no_tagging_at_creation, no_passed_roles,
        keys_offered_to_every_action, no_keys_of_parameters, no_keys_of_resources, service_control_policies_at_once,
        bucket_policies_at_once, identities_at_once, controls_open_to_web_pages,
    )
}  # fmt: skip

if __name__ == "__main__":
    MUTATIONS[sys.argv[1]]()
    options.run(sys.argv[2:])
