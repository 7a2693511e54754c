"""The gate: authenticate, find the operation, authorise, then refuse in the service's own shape or let it be answered.

Nothing reaches moto before IAM allowed it.
"""

import logging
import re
from urllib.parse import urlencode
from xml.parsers.expat import ExpatError

from integrations.sandbox.arns import parse_arn
from integrations.sandbox.authorisation import Authoriser
from integrations.sandbox.buckets import bucket_owner
from integrations.sandbox.callers import Caller, Callers
from integrations.sandbox.clock import Clock
from integrations.sandbox.condition_keys import Place
from integrations.sandbox.context import Keys, request_keys
from integrations.sandbox.demands import demands_of
from integrations.sandbox.documents import prepared
from integrations.sandbox.errors import AwsError, in_words_of, render
from integrations.sandbox.faults import Faults
from integrations.sandbox.identities import Identities
from integrations.sandbox.inner_calls import InnerCalls
from integrations.sandbox.journal import Journal
from integrations.sandbox.moto_bridge import Moto
from integrations.sandbox.operations import Operation, identify, problem_of, protocol_of
from integrations.sandbox.principal_ids import shown
from integrations.sandbox.signature import Credential, read_credential, verify
from integrations.sandbox.simulate import Simulator
from integrations.sandbox.stacks.service import StackService
from integrations.sandbox.sts import TokenService, answer, assumed_xml, credentials_xml, identity_xml
from integrations.sandbox.sts_input import read_assume_role
from integrations.sandbox.trail import Trail
from integrations.sandbox.trail import answer as looked_up
from integrations.sandbox.user_boundaries import OPERATIONS as BOUNDARY_OPERATIONS
from integrations.sandbox.user_boundaries import UserBoundaries
from integrations.sandbox.wire import HttpRequest, HttpResponse

log = logging.getLogger(__name__)

_TRUST_IN_XML = re.compile(rb"(<AssumeRolePolicyDocument>)(.*?)(</AssumeRolePolicyDocument>)", re.DOTALL)


class Gate:
    """Answers AWS requests."""

    def __init__(
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
        self._authoriser = Authoriser(callers, identities)
        self._simulator = Simulator(identities)
        self.stacks = StackService(clock, journal, self._api_for)
        self.trail = Trail(clock)
        self.user_boundaries = UserBoundaries(journal)

    def answer(self, request: HttpRequest) -> HttpResponse:
        """Answer one request. Never raises."""
        service, protocol = "", "query"
        try:
            credential = read_credential(request)
            if credential is None:
                return _unsigned(request)
            service = credential.service
            protocol = protocol_of(service, request)
            return self._answer(request, credential)
        except AwsError as error:
            return render(
                in_words_of(error, service, protocol), protocol, path=request.path, request_id=request.request_id
            )
        except Exception:
            log.exception("The sandbox could not answer %s %s", request.method, request.raw_path)
            failure = AwsError("InternalFailure", "The sandbox could not answer this request; its log says why.", 500)
            return render(
                in_words_of(failure, service, protocol), protocol, path=request.path, request_id=request.request_id
            )

    def _answer(self, request: HttpRequest, credential: Credential) -> HttpResponse:
        caller = self._callers.find(credential)
        verify(request, credential, caller.secret)
        if credential.service == "sts":
            return self._security_token(request, credential, caller)
        operation = identify(request, credential.service)
        struck = self._faults.strike(credential.service, operation.name, caller.account, region=credential.region)
        if struck is not None:
            return struck
        return self._authorised(request, operation, caller, credential.service, credential.region)

    def _act(self, caller: Caller, request: HttpRequest, service: str, region: str) -> HttpResponse:
        """Do a call that the sandbox makes for a caller."""
        return self._authorised(request, identify(request, service), caller, service, region)

    def _api_for(self, caller: Caller, region: str, role: str | None) -> InnerCalls:
        """Give CloudFormation's way to AWS: the caller's permissions, or those of the service role it passed."""
        if role is not None:
            item = read_assume_role({"RoleArn": role, "RoleSessionName": "AWSCloudFormation"})
            session = self._tokens.assume_for_service(role, "cloudformation.amazonaws.com", item, {})
            caller = self._callers.of_session(session)
        return InnerCalls(self._act, caller, region)

    def _authorised(
        self, request: HttpRequest, operation: Operation, caller: Caller, service: str, region: str
    ) -> HttpResponse:
        keys = request_keys(request, self._clock, region)
        self._authoriser.demand(caller, demands_of(operation, self._place(region, caller)), keys)
        if operation.params.get("DryRun") is True and operation.service == "ec2":
            raise AwsError("DryRunOperation", "Request would have succeeded, but DryRun flag is set.", 412)
        if not operation.changes:
            return self._perform(request, operation, caller, service, region)
        with self._moto.lock, self._journal.transaction():
            self._identities.about_to_change(operation, caller.partition, caller.account)
            response = self._perform(request, operation, caller, service, region)
        if response.status < 400:
            self.trail.changed(caller, operation, region, request, response)
        return response

    def _perform(
        self, request: HttpRequest, operation: Operation, caller: Caller, service: str, region: str
    ) -> HttpResponse:
        if operation.service == "cloudformation":
            return self.stacks.answer(operation, caller, region)
        if operation.service == "iam" and operation.name in BOUNDARY_OPERATIONS:
            return self.user_boundaries.answer(operation, caller)
        if operation.name in {"SimulatePrincipalPolicy", "SimulateCustomPolicy"}:
            return self._simulator.answer(operation, caller)
        if (operation.service, operation.name) == ("cloudtrail", "LookupEvents"):
            return looked_up(self.trail.look_up(caller.account, region, operation.params))
        target, headers, body = request.target, request.headers, request.body
        document = prepared(operation, caller, request.form, body)
        if isinstance(document, bytes):
            body = document
        elif document is not None:
            target, headers, body = _as_form(request, document)
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
                region=region,
                service=service,
                access_key=caller.access_key,
                changes=operation.changes,
            )
        except NotImplementedError as error:
            raise AwsError(
                "NotInTheSandbox", f"{operation.service}:{operation.name} is not in the sandbox.", 400
            ) from error
        except ExpatError as error:
            text = "The XML you provided was not well-formed or did not validate against our published schema"
            raise AwsError("MalformedXML", text, 400) from error
        except Exception as error:
            # moto takes parameters as they come, and trips in any way over those that AWS refuses at once.
            log.warning("moto could not answer %s:%s: %r", operation.service, operation.name, error)
            raise AwsError("ValidationError", problem_of(operation), 400) from error
        if response.status >= 400 and response.body[:15].lower() == b"<!doctype html>":
            # A page of moto's server: it has no such operation, or tripped over the parameters.
            if response.status < 500:
                raise AwsError("NotInTheSandbox", f"{operation.service}:{operation.name} is not in the sandbox.", 400)
            log.warning("moto could not answer %s:%s", operation.service, operation.name)
            raise AwsError("ValidationError", problem_of(operation), 400)
        if (operation.service, operation.name, response.status) == ("iam", "CreateUser", 200):
            self.user_boundaries.created(operation, caller)
        return _presented(operation, response)

    def _security_token(self, request: HttpRequest, credential: Credential, caller: Caller) -> HttpResponse:
        form = request.form
        action = form.get("Action", "")
        role = parse_arn(form.get("RoleArn", ""))
        struck = self._faults.strike(
            "sts", action, caller.account, region=credential.region, target=role.account if role else ""
        )
        if struck is not None:
            return struck
        keys: Keys = request_keys(request, self._clock, credential.region)
        if action == "GetCallerIdentity":
            return answer(action, identity_xml(caller), request.request_id)
        if action == "AssumeRole":
            item = read_assume_role(form)
            try:
                assumed = self._tokens.assume_role(caller, item, keys)
            except AwsError as error:
                self.trail.assumed(caller, item, credential.region, request, error)
                raise
            self.trail.assumed(caller, item, credential.region, request, assumed)
            return answer(action, assumed_xml(assumed), request.request_id)
        if action == "GetSessionToken":
            return answer(action, credentials_xml(self._tokens.session_token(caller, form)), request.request_id)
        raise AwsError("InvalidAction", f"Could not find operation {action[:200]} of sts in the sandbox.", 400)

    def _place(self, region: str, caller: Caller) -> Place:
        def role_arn(name: str) -> str | None:
            found = self._identities.role_by_name(caller.partition, caller.account, name)
            return found.arn if found is not None else None

        def user_arn(name: str) -> str | None:
            found = self._identities.user_by_name(caller.partition, caller.account, name)
            return found.arn if found is not None else None

        def stack_arn(name: str) -> str | None:
            return self.stacks.arn_of(caller.account, region, name)

        def boundary_arn(kind: str, name: str) -> str | None:
            find = self._identities.role_by_name if kind == "role" else self._identities.user_by_name
            found = find(caller.partition, caller.account, name)
            return found.boundary.arn if found is not None and found.boundary is not None else None

        return Place(
            partition=caller.partition,
            region=region,
            account=caller.account,
            caller_arn=caller.arn,
            find_role=role_arn,
            find_user=user_arn,
            find_stack=stack_arn,
            find_boundary=boundary_arn,
            find_stack_tags=lambda stack: self.stacks.tags_of(caller.account, region, stack),
        )


def _unsigned(request: HttpRequest) -> HttpResponse:
    protocol = protocol_of("s3" if request.method != "POST" else "", request)
    error = AwsError("MissingAuthenticationToken", "Request is missing Authentication Token", 403)
    return render(in_words_of(error, "", protocol), protocol, path=request.path, request_id=request.request_id)


def _as_form(request: HttpRequest, form: dict[str, str]) -> tuple[str, dict[str, str], bytes]:
    """Give the request's target, headers and body with another form, always in the body."""
    headers = {**request.headers, "content-type": "application/x-www-form-urlencoded; charset=utf-8"}
    return request.raw_path, headers, urlencode(form).encode()


def _presented(operation: Operation, response: HttpResponse) -> HttpResponse:
    """Show the principals of policies as ARNs where they still exist."""
    if operation.service == "iam" and (b"AROA" in response.body or b"AIDA" in response.body):
        response.body = _TRUST_IN_XML.sub(
            lambda found: found.group(1) + shown(found.group(2).decode()).encode() + found.group(3), response.body
        )
    if (operation.service, operation.name) == ("s3", "GetBucketPolicy") and response.status == 200:
        response.body = shown(response.body.decode()).encode()
    return response
