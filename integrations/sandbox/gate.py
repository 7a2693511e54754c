"""The gate: authenticate, find the operation, authorise, then refuse in the service's own shape or let it be answered.

Nothing reaches moto before IAM allowed it.
"""

import logging
import re
from collections.abc import Callable
from urllib.parse import urlencode

from integrations.sandbox.authorisation import Authoriser, bucket_owner
from integrations.sandbox.callers import Caller, Callers
from integrations.sandbox.clock import Clock
from integrations.sandbox.context import Keys, request_keys
from integrations.sandbox.demands import Place, demands_of
from integrations.sandbox.errors import AwsError, in_words_of, render
from integrations.sandbox.faults import Faults
from integrations.sandbox.identities import Identities
from integrations.sandbox.journal import Journal
from integrations.sandbox.moto_bridge import Moto
from integrations.sandbox.operations import Operation, identify, protocol_of
from integrations.sandbox.principal_ids import InvalidPrincipalError, shown, to_ids
from integrations.sandbox.signature import Credential, read_credential, verify
from integrations.sandbox.sts import TokenService, answer, assumed_xml, credentials_xml, identity_xml
from integrations.sandbox.sts_input import read_assume_role
from integrations.sandbox.wire import HttpRequest, HttpResponse

log = logging.getLogger(__name__)

_TRUST_IN_XML = re.compile(rb"(<AssumeRolePolicyDocument>)(.*?)(</AssumeRolePolicyDocument>)", re.DOTALL)


class Gate:
    """Answers AWS requests."""

    def __init__(  # noqa: PLR0913 - the parts it puts together
        self,
        *,
        clock: Clock,
        identities: Identities,
        callers: Callers,
        tokens: TokenService,
        faults: Faults,
        journal: Journal,
        moto: Moto,
    ) -> None:
        self._clock = clock
        self._identities = identities
        self._callers = callers
        self._tokens = tokens
        self._faults = faults
        self._journal = journal
        self._moto = moto
        self._authoriser = Authoriser(callers)

    def answer(self, request: HttpRequest) -> HttpResponse:
        """Answer one request. Never raises."""
        service, protocol = "", "query"
        try:
            credential = read_credential(request)
            if credential is None:
                protocol = protocol_of("s3" if request.method != "POST" else "", request)
                raise AwsError("MissingAuthenticationToken", "Request is missing Authentication Token", 403)
            service = credential.service
            protocol = protocol_of(service, request)
            return self._answer(request, credential)
        except AwsError as error:
            return render(in_words_of(error, service, protocol), protocol, path=request.path)
        except Exception:
            log.exception("The sandbox could not answer %s %s", request.method, request.raw_path)
            error = AwsError("InternalFailure", "The sandbox could not answer this request; its log says why.", 500)
            return render(in_words_of(error, service, protocol), protocol, path=request.path)

    def _answer(self, request: HttpRequest, credential: Credential) -> HttpResponse:
        caller = self._callers.find(credential)
        verify(request, credential, caller.secret)
        if credential.service == "sts":
            return self._security_token(request, credential, caller)
        operation = identify(request, credential.service)
        struck = self._faults.strike(credential.service, operation.name, caller.account)
        if struck is not None:
            return struck
        keys = request_keys(request, self._clock, credential.region)
        place = self._place(credential, caller)
        self._authoriser.demand(caller, demands_of(operation, place), keys)
        if operation.params.get("DryRun") is True and operation.service == "ec2":
            raise AwsError("DryRunOperation", "Request would have succeeded, but DryRun flag is set.", 412)
        if not operation.changes:
            return self._perform(request, credential, caller, operation)
        with self._moto.lock, self._journal.transaction():
            self._identities.about_to_change(caller.partition, caller.account)
            return self._perform(request, credential, caller, operation)

    def _perform(
        self, request: HttpRequest, credential: Credential, caller: Caller, operation: Operation
    ) -> HttpResponse:
        target, headers, body = request.target, request.headers, request.body
        try:
            if operation.service == "iam" and "AssumeRolePolicyDocument" in operation.params:
                form = {**request.form, "AssumeRolePolicyDocument": to_ids(request.form["AssumeRolePolicyDocument"])}
                target, headers, body = _as_form(request, form)
            elif (operation.service, operation.name) == ("iam", "UpdateAssumeRolePolicy"):
                form = {**request.form, "PolicyDocument": to_ids(request.form.get("PolicyDocument", ""))}
                target, headers, body = _as_form(request, form)
            elif (operation.service, operation.name) == ("s3", "PutBucketPolicy"):
                body = to_ids(body.decode(errors="replace")).encode()
        except InvalidPrincipalError as error:
            if operation.service == "s3":
                raise AwsError("MalformedPolicy", "Invalid principal in policy", 400) from error
            raise AwsError("MalformedPolicyDocument", f'Invalid principal in policy: "AWS":"{error}"', 400) from error
        account = caller.account
        if operation.service == "s3" and operation.params.get("Bucket"):
            account = bucket_owner(operation.params["Bucket"]) or account
        try:
            response = self._moto.call(
                method=request.method,
                target=target,
                headers=headers,
                body=body,
                account=account,
                region=credential.region,
                service=credential.service,
                access_key=caller.access_key,
                changes=operation.changes,
            )
        except NotImplementedError as error:
            raise AwsError(
                "NotInTheSandbox", f"{operation.service}:{operation.name} is not in the sandbox.", 400
            ) from error
        return _presented(operation, response)

    def _security_token(self, request: HttpRequest, credential: Credential, caller: Caller) -> HttpResponse:
        form = request.form
        action = form.get("Action", "")
        struck = self._faults.strike("sts", action, caller.account)
        if struck is not None:
            return struck
        keys: Keys = request_keys(request, self._clock, credential.region)
        if action == "GetCallerIdentity":
            return answer(action, identity_xml(caller))
        if action == "AssumeRole":
            return answer(action, assumed_xml(self._tokens.assume_role(caller, read_assume_role(form), keys)))
        if action == "GetSessionToken":
            return answer(action, credentials_xml(self._tokens.session_token(caller, form)))
        raise AwsError("InvalidAction", f"Could not find operation {action[:200]} of sts in the sandbox.", 400)

    def _place(self, credential: Credential, caller: Caller) -> Place:
        def role_arn(name: str) -> str | None:
            found = self._identities.role_by_name(caller.partition, caller.account, name)
            return found.arn if found is not None else None

        def user_arn(name: str) -> str | None:
            found = self._identities.user_by_name(caller.partition, caller.account, name)
            return found.arn if found is not None else None

        find_stack: Callable[[str], str | None] = lambda _name: None  # noqa: E731
        return Place(caller.partition, credential.region, caller.account, caller.arn, role_arn, user_arn, find_stack)


def _as_form(request: HttpRequest, form: dict[str, str]) -> tuple[str, dict[str, str], bytes]:
    """Give the request's target, headers and body with another form, always in the body."""
    headers = {**request.headers, "content-type": "application/x-www-form-urlencoded; charset=utf-8"}
    return request.raw_path, headers, urlencode(form).encode()


def _presented(operation: Operation, response: HttpResponse) -> HttpResponse:
    """Show the principals of policies as ARNs where they still exist."""
    if operation.service == "iam" and b"AROA" in response.body or b"AIDA" in response.body:
        response.body = _TRUST_IN_XML.sub(
            lambda found: found.group(1) + shown(found.group(2).decode()).encode() + found.group(3), response.body
        )
    if (operation.service, operation.name) == ("s3", "GetBucketPolicy") and response.status == 200:
        response.body = shown(response.body.decode()).encode()
    return response
