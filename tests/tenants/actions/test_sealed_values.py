"""A change of SECRET_KEY, played to its end: what is stored is sealed again, and the earlier key goes."""

import ast
import json
import re
from collections.abc import Iterator
from io import StringIO
from pathlib import Path
from uuid import uuid4

import allauth.mfa
import psycopg
import pytest
from allauth.mfa.models import Authenticator
from allauth.mfa.recovery_codes.internal.auth import RecoveryCodes
from cryptography.fernet import InvalidToken
from django.core.management import CommandError, call_command
from django.core.signing import Signer

from integrations.actions import hand_off_links
from integrations.actions.connections import create_connection
from integrations.actions.hand_off_links import create_hand_off_link, find_hand_off_link
from portal.local.services import ROOT
from tenants.actions import sealed_values
from tenants.actions.idempotent_requests import Answer, Claim, claim, keep
from tenants.actions.single_sign_on import configure_provider
from tenants.actions.tokens import create_token
from tenants.actions.webhooks import create_endpoint
from tenants.audit import SYSTEM
from tenants.models import ApiToken, AuditEvent, IdempotentRequest, IdentityProvider, Tenant, WebhookSecret
from tenants.scope import staff_scope, tenant_scope
from tenants.secrets import seal, unseal
from tenants.webhook_event_types import WebhookEventType
from tests.environment import DATABASE

TABLES = {
    "mfa_authenticator",
    "tenants_idempotentrequest",
    "tenants_identityprovider",
    "tenants_webhooksecret",
}
# Where else the code seals: allauth stores what this gives it, in the data of second factors.
GIVES_TO_ALLAUTH = ("portal/second_factor.py", "encrypt")
IS_GONE_IN_MINUTES = ("tenants/sent_forms.py", "_sealed_answer")


@pytest.fixture
def earlier_key(settings) -> str:
    """The key that the installation has had until now."""
    return settings.SECRET_KEY


def change_key(settings, *fallbacks: str) -> None:
    settings.SECRET_KEY, settings.SECRET_KEY_FALLBACKS = f"the new key {uuid4()}", list(fallbacks)


def fill(tenant: Tenant, token: ApiToken) -> None:
    """Something sealed of each kind that a tenant has."""
    with tenant_scope(tenant.pk):
        create_endpoint(
            tenant=tenant,
            url="https://hooks.example.com/",
            description="",
            event_types=[WebhookEventType.CONNECTION_CREATED],
            by=SYSTEM,
        )
        configure_provider(
            tenant=tenant,
            issuer="https://login.example.com",
            client_id="portal",
            client_secret=f"client secret of {tenant.name}",
            enabled=True,
            required=False,
            by=SYSTEM,
        )
    claimed = claim(token=token, key="one", wanted="f" * 64)
    assert isinstance(claimed, Claim)
    keep(claimed, Answer(201, {"token": f"shown once to {tenant.name}"}, {}))
    claim(token=token, key="being done", wanted="f" * 64)


@pytest.fixture
def filled(cast, earlier_key) -> list[Tenant]:
    """Two tenants with everything that is sealed, and three second factors."""
    tenants = [cast.tenant, cast.other_tenant]
    for tenant, owner in zip(tenants, (cast.owner, cast.stranger), strict=True):
        with tenant_scope(tenant.pk):
            token, _ = create_token(tenant=tenant, name="Test", user=owner, by=SYSTEM)
        fill(tenant, token)
    Authenticator.objects.create(user=cast.owner, type="totp", data={"secret": seal("A" * 32)})
    RecoveryCodes.activate(cast.owner)
    return tenants


def run() -> str:
    output = StringIO()
    call_command("seal_again", stdout=output)
    return output.getvalue()


def run_and_fail() -> tuple[str, str]:
    output = StringIO()
    with pytest.raises(CommandError) as failed:
        call_command("seal_again", stdout=output)
    assert failed.value.returncode == 1
    return output.getvalue(), str(failed.value)


def number_of(output: str, table: str) -> list[int]:
    """Sealed again, sealed already, changed meanwhile, unreadable."""
    (line,) = [line for line in output.splitlines() if line.startswith(f"{table}:")]
    return [int(number) for number in re.findall(r"\b\d+\b", line.partition(":")[2])]


def stored(database) -> dict[str, list[str]]:
    """Everything in the database that looks like a sealed value, by table, whichever column it is in."""
    found = {}
    with psycopg.connect(database.url(DATABASE)) as superuser:
        for (table,) in superuser.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'public'").fetchall():
            rows = superuser.execute(f'SELECT to_jsonb(one)::text FROM "{table}" one').fetchall()
            values = [value for (row,) in rows for value in re.findall(r"gAAAA[\w=-]{60,}", row)]
            if values:
                found[table] = values
    return found


def test_what_two_tenants_have_sealed_is_read_without_the_earlier_key(filled, cast, settings, earlier_key, db) -> None:
    codes = RecoveryCodes(Authenticator.objects.get(user=cast.owner, type="recovery_codes")).get_unused_codes()
    change_key(settings, earlier_key)
    before = stored(db)

    output = run()
    settings.SECRET_KEY_FALLBACKS = []

    assert before.keys() == TABLES
    for table, values in stored(db).items():
        assert set(values).isdisjoint(before[table]), table
        assert [unseal(value) for value in values], table
    assert {table: number_of(output, table) for table in TABLES} == {
        "mfa_authenticator": [3, 0, 0, 0],
        "tenants_idempotentrequest": [2, 0, 0, 0],
        "tenants_identityprovider": [2, 0, 0, 0],
        "tenants_webhooksecret": [2, 0, 0, 0],
    }
    for tenant in filled:
        with tenant_scope(tenant.pk):
            assert unseal(IdentityProvider.objects.get().sealed_secret) == f"client secret of {tenant.name}"
            assert unseal(WebhookSecret.objects.get().sealed_secret).startswith("whsec_")
            kept = IdempotentRequest.objects.get(key="one")
            assert json.loads(unseal(kept.sealed_secret)) == {"token": f"shown once to {tenant.name}"}
    assert unseal(Authenticator.objects.get(user=cast.owner, type="totp").data["secret"]) == "A" * 32
    after = RecoveryCodes(Authenticator.objects.get(user=cast.owner, type="recovery_codes"))
    assert after.get_unused_codes() == codes


def test_nothing_of_a_secret_is_printed_or_logged(filled, db, settings, earlier_key, caplog) -> None:
    change_key(settings, earlier_key)

    said = run() + caplog.text

    for secret in (earlier_key, settings.SECRET_KEY, "client secret of", "whsec_", "gAAAA", "A" * 32):
        assert secret not in said


def test_a_second_run_has_nothing_to_do_and_says_when_the_earlier_key_may_go(filled, db, settings, earlier_key) -> None:
    change_key(settings, earlier_key)
    first = run()
    before = stored(db)

    second = run()
    settings.SECRET_KEY_FALLBACKS = []
    third = run()

    assert stored(db) == before
    assert "Run this once more" in first
    assert "may be taken out" not in first
    assert "Nothing to do" in second
    assert "SECRET_KEY_FALLBACKS may be taken out of the settings" in second
    assert "Nothing to do" in third
    assert "SECRET_KEY_FALLBACKS" not in third
    assert {table: number_of(second, table)[0] for table in TABLES} == dict.fromkeys(TABLES, 0)


def test_a_run_that_did_something_leaves_an_event_with_numbers_and_one_that_did_not_leaves_none(
    filled, settings, earlier_key
) -> None:
    change_key(settings, earlier_key)

    run()
    run()

    with staff_scope():
        (event,) = AuditEvent.objects.filter(action="system:secret_key:sealed_again")
    assert event.tenant_id is None
    assert event.data == {
        "mfa_authenticator": 3,
        "tenants_idempotentrequest": 2,
        "tenants_identityprovider": 2,
        "tenants_webhooksecret": 2,
    }


def test_more_rows_than_are_read_at_once_are_all_found(filled, db, settings, earlier_key, monkeypatch) -> None:
    monkeypatch.setattr(sealed_values, "AT_ONCE", 1)
    change_key(settings, earlier_key)

    output = run()

    assert {table: number_of(output, table)[0] for table in TABLES} == {
        "mfa_authenticator": 3,
        "tenants_idempotentrequest": 2,
        "tenants_identityprovider": 2,
        "tenants_webhooksecret": 2,
    }


def test_what_changes_between_reading_and_writing_keeps_its_newer_value(
    filled, cast, settings, earlier_key, monkeypatch
) -> None:
    change_key(settings, earlier_key)
    swap = sealed_values._swap

    def meanwhile(place, tenant_id, row_id, value, sealed):
        """Somebody else writes just before: another client secret, and a recovery code that is used."""
        if place.model is IdentityProvider:
            with tenant_scope(tenant_id):
                IdentityProvider.objects.filter(pk=row_id).update(sealed_secret=seal("a newer secret"))
        if place.model is Authenticator and "seed" in value:
            Authenticator.objects.filter(pk=row_id).update(data=value | {"used_mask": 1})
        return swap(place, tenant_id, row_id, value, sealed)

    monkeypatch.setattr(sealed_values, "_swap", meanwhile)
    output, error = run_and_fail()
    monkeypatch.undo()

    assert "Run this again" in error
    assert number_of(output, "tenants_identityprovider") == [0, 0, 2, 0]
    assert number_of(output, "mfa_authenticator") == [2, 0, 1, 0]
    for tenant in filled:
        with tenant_scope(tenant.pk):
            assert unseal(IdentityProvider.objects.get().sealed_secret) == "a newer secret"
    assert Authenticator.objects.get(type="recovery_codes").data["used_mask"] == 1

    assert number_of(run(), "mfa_authenticator") == [1, 2, 0, 0]
    assert Authenticator.objects.get(type="recovery_codes").data["used_mask"] == 1


def test_a_value_that_no_key_reads_is_named_left_alone_and_keeps_nothing_else_back(
    filled, cast, settings, earlier_key
) -> None:
    with tenant_scope(cast.tenant.pk):
        broken = WebhookSecret.objects.get()
        WebhookSecret.objects.update(sealed_secret="no token of ours")
    factor = Authenticator.objects.get(user=cast.owner, type="totp")
    settings.SECRET_KEY = "a key that is lost"
    factor.data = {"secret": seal("B" * 32)}
    factor.save()
    change_key(settings, earlier_key)

    output, error = run_and_fail()

    assert f"cannot be read: tenants_webhooksecret {broken.pk}\n" in output
    assert f"cannot be read: mfa_authenticator {factor.pk}\n" in output
    assert "no token of ours" not in output + error
    assert "Take none out" in error
    assert number_of(output, "tenants_webhooksecret") == [1, 0, 0, 1]
    assert number_of(output, "mfa_authenticator") == [2, 0, 0, 1]
    assert number_of(output, "tenants_identityprovider") == [2, 0, 0, 0]
    with tenant_scope(cast.tenant.pk):
        assert WebhookSecret.objects.get().sealed_secret == "no token of ours"
    with pytest.raises(InvalidToken):
        unseal(Authenticator.objects.get(pk=factor.pk).data["secret"])


def test_with_a_wrong_key_nothing_is_written_and_not_every_row_is_listed(filled, db, settings, monkeypatch) -> None:
    monkeypatch.setattr("portal.management.commands.seal_again.SHOWN", 2)
    change_key(settings)
    before = stored(db)

    output, _ = run_and_fail()

    assert stored(db) == before
    assert output.count("cannot be read: mfa_authenticator") == 2
    assert "  … and 1 more." in output


class TestWhatIsSigned:
    def test_a_hand_off_link_ends_with_the_key_that_signed_it(self, cast, settings, earlier_key, monkeypatch) -> None:
        def start_anew() -> None:
            """A process knows the keys that it started with."""
            monkeypatch.setattr(hand_off_links, "_SIGNER", Signer(salt=hand_off_links._SIGNER.salt, sep="."))

        with tenant_scope(cast.tenant.pk):
            connection = create_connection(tenant=cast.tenant, name="Production", by=SYSTEM)
            link, text = create_hand_off_link(connection=connection, by=SYSTEM)

        change_key(settings, earlier_key)
        start_anew()
        with_fallback = find_hand_off_link(text)
        settings.SECRET_KEY_FALLBACKS = []
        start_anew()

        assert with_fallback == (cast.tenant.pk, link.pk)
        assert find_hand_off_link(text) is None

    @pytest.mark.parametrize("used", [True, False], ids=["used", "not used"])
    def test_a_session_stays_where_it_was_used_while_both_keys_were_there(
        self, cast, settings, earlier_key, sign_in, used
    ) -> None:
        client = sign_in(cast.owner)
        change_key(settings, earlier_key)
        if used:
            client.get("/organisations/")
        settings.SECRET_KEY_FALLBACKS = []

        assert client.get("/organisations/").status_code == (200 if used else 302)

    def test_a_tokens_digest_has_no_key(self, cast, settings, api) -> None:
        client = api(cast.owner, cast.tenant)

        change_key(settings)

        assert client.get("/api/v1/connections/").status_code == 200


def uses_of_seal(module: ast.Module) -> Iterator[tuple[str, str]]:
    """Each use of `seal`: in which function it is, and the name that its value is given to; "" where there is none."""
    around = {inner: outer for outer in ast.walk(module) for inner in ast.iter_child_nodes(outer)}
    for node in ast.walk(module):
        if not (isinstance(node, ast.Name) and node.id == "seal"):
            continue
        to = around[around[node]]
        column = ""
        if isinstance(to, ast.keyword):
            column = to.arg or ""
        elif isinstance(to, ast.Assign) and isinstance(to.targets[0], ast.Attribute):
            column = to.targets[0].attr
        outer: ast.AST = node
        while not isinstance(outer, ast.FunctionDef | ast.Module):
            outer = around[outer]
        yield getattr(outer, "name", ""), column


def test_whatever_is_sealed_goes_where_it_is_found_again() -> None:
    """A column with another name would keep what an earlier key sealed: name it `sealed_secret`."""
    uses = set()
    for app in ("portal", "tenants", "integrations"):
        for file in sorted((ROOT / app).rglob("*.py")):
            path, text = str(file.relative_to(ROOT)), file.read_text()
            assert path == "tenants/secrets.py" or "fernet import Fernet" not in text, f"{path} seals by itself"
            assert not re.search(r"secrets\.seal\b|\bseal as\b", text), f"{path} hides what it seals"
            uses |= {(path, *use) for use in uses_of_seal(ast.parse(text))}

    assert len(uses) >= 4
    assert {use[:2] for use in uses if use[2] != sealed_values.SEALED_COLUMN} == {GIVES_TO_ALLAUTH, IS_GONE_IN_MINUTES}


@pytest.mark.parametrize(
    "line", ["row.token = seal(x)", "f(token=seal(x))", "kept = seal(x)", "map(seal, texts)", "{'a': seal(x)}"]
)
def test_the_search_sees_what_goes_elsewhere(line) -> None:
    assert list(uses_of_seal(ast.parse(f"def f(): {line}"))) == [("f", "token" if "token" in line else "")]


def test_all_that_allauth_seals_is_found_again() -> None:
    parts, calls = set(), 0
    for file in Path(allauth.mfa.__file__).parent.rglob("*.py"):
        if "tests" not in file.parts:
            text = file.read_text()
            parts |= set(re.findall(r'"(\w+)": encrypt\(', text))
            calls += len(re.findall(r"(?<!def )(?<![.`])\bencrypt\(", text))

    assert parts == sealed_values.SEALED_IN_SECOND_FACTOR
    assert calls == len(parts), "allauth seals something more"


def test_the_places_are_those_of_the_models() -> None:
    assert {place.table for place in sealed_values.sealed_places()} == TABLES
