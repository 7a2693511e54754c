"""`manage.py preflight` finds each fault where the part itself is broken, and says how to mend it."""

import json
import socketserver
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from io import StringIO

import psycopg
import pytest
import redis
from allauth.mfa.models import Authenticator
from django.conf import settings as django_settings
from django.core.cache import cache
from django.core.management import call_command
from django.db import connections
from django.test import override_settings

from integrations.aws.clients import ClientFactory
from integrations.aws.customer_stack import SANDBOX_SECRET
from portal.local.services import free_port
from portal.plaintext import InTheClear
from portal.preflight import database as database_parts
from portal.preflight.parts import PARTS
from portal.preflight.report import Check, Look, State, Wrong, exit_status, look_at
from tenants.actions import sealed_values
from tenants.models import IdentityProvider
from tenants.scope import tenant_scope
from tenants.secrets import seal
from tests.brokers import AWAY, use_broker
from tests.environment import DATABASE

SMTP = "django.core.mail.backends.smtp.EmailBackend"


def found(name: str) -> Check:
    """What the part of that name comes to."""
    (check,) = look_at([(name, dict(PARTS)[name])])
    return check


def drop_connections(alias: str) -> None:
    """The next query connects anew."""
    connections[alias].close()
    connections[alias].close_pool()  # type: ignore[attr-defined]  # of the backend with a pool


@contextmanager
def superuser_changed(database, change: str, back: str, *, autocommit: bool = True) -> Iterator[None]:
    """Something in the database is otherwise, until this ends."""
    with psycopg.connect(database.url(DATABASE), autocommit=autocommit) as superuser:
        superuser.execute(change)
        try:
            yield
        finally:
            superuser.execute(back)


class TestTheCommand:
    def test_ends_with_0_and_names_every_part_where_all_is_well(self, db, sandbox_address, monkeypatch) -> None:
        # Outside production the deployment's settings are not sound, and that is said elsewhere.
        monkeypatch.setattr("portal.preflight.parts.PARTS", PARTS[1:])
        output = StringIO()

        call_command("preflight", stdout=output)

        text = output.getvalue()
        assert "All is well." in text
        assert all(f" {name} " in text for name, _ in PARTS[1:])
        assert "not set up template_bucket" in text

    def test_gives_json_and_status_1_where_something_is_broken(self, db, sandbox_address) -> None:
        output = StringIO()

        with pytest.raises(SystemExit) as ended:
            call_command("preflight", "--json", stdout=output)

        answer = json.loads(output.getvalue())
        broken = {check["name"]: check for check in answer["checks"] if check["state"] == "failed"}
        assert (ended.value.code, answer["exit_status"]) == (1, 1)
        assert set(broken) == {"settings"}, "the tests' settings are not those of a deployment"
        assert broken["settings"]["fix"]

    def test_tells_broken_from_unknown_by_its_status(self) -> None:
        def away() -> str:
            raise Wrong("The server is away.", "Start it.", State.UNKNOWN)

        def wrong() -> str:
            raise ValueError("redis://user:hunter2@broker/0 is odd")

        parts: list[tuple[str, Look]] = [("well", lambda: "well"), ("away", away)]
        assert exit_status(look_at(parts[:1])) == 0
        assert exit_status(look_at(parts)) == 2
        checks = list(look_at([*parts, ("wrong", wrong)]))
        assert exit_status(checks) == 1
        assert "hunter2" not in checks[-1].message


class TestStoredSecrets:
    def test_that_an_earlier_key_sealed_are_told_with_the_command_and_break_nothing(self, cast, settings) -> None:
        settings.SECRET_KEY, settings.SECRET_KEY_FALLBACKS = "a new key", [settings.SECRET_KEY]

        before = found("sealed_values")
        call_command("seal_again", stdout=StringIO())
        after = found("sealed_values")

        assert (before.state, after.state) == (State.PASSED, State.PASSED)
        assert "1 of 1 stored secrets that were looked at need SECRET_KEY_FALLBACKS" in before.message
        assert "seal_again" in before.message
        assert "none of 1 stored secrets that were looked at needs SECRET_KEY_FALLBACKS" in after.message

    def test_that_no_key_reads_are_broken_and_the_table_is_named(self, cast, settings) -> None:
        assert found("sealed_values").state == State.PASSED

        settings.SECRET_KEY = "not the one in the backup"
        check = found("sealed_values")

        assert check.state == State.FAILED
        assert "mfa_authenticator" in check.message
        assert "SECRET_KEY_FALLBACKS" in check.fix

    def test_are_looked_at_in_a_bounded_number(self, cast, monkeypatch) -> None:
        monkeypatch.setattr(sealed_values, "AT_ONCE", 2)
        monkeypatch.setattr(sealed_values, "SAMPLE_TENANTS", 1)
        for person in (cast.owner, cast.admin, cast.viewer):
            Authenticator.objects.create(user=person, type="totp", data={"secret": seal("A" * 32)})
        for tenant in (cast.tenant, cast.other_tenant):
            with tenant_scope(tenant.pk):
                IdentityProvider.objects.create(
                    tenant=tenant, issuer="https://login.example.com", client_id="portal", sealed_secret=seal("secret")
                )

        assert "3 stored secrets were looked at" in found("sealed_values").message


class TestTheDatabase:
    def test_that_is_away_is_named_with_the_setting_to_compare(self, db) -> None:
        drop_connections("staff")
        where = connections["staff"].settings_dict
        before = where["HOST"], where["PORT"]
        where["HOST"], where["PORT"] = "127.0.0.1", str(free_port())
        try:
            check, after = found("database"), found("row_level_security")
        finally:
            drop_connections("staff")
            where["HOST"], where["PORT"] = before

        assert check.state == State.FAILED
        assert "DATABASE_STAFF_URL" in check.fix
        assert after.state == State.UNKNOWN, "what stands on it is not called broken"

    def test_that_forgot_a_role_is_named(self, db) -> None:
        with superuser_changed(db, "ALTER ROLE rolebridge_staff NOLOGIN", "ALTER ROLE rolebridge_staff LOGIN"):
            drop_connections("staff")
            check = found("database")

        assert "rolebridge_staff does not get into rolebridge" in check.message

    def test_with_one_role_for_two_purposes_is_named(self, db, monkeypatch) -> None:
        monkeypatch.setattr(database_parts, "_who_gets_in", lambda _: ("rolebridge_app", 180000))

        assert "name the same role" in found("database").message

    def test_whose_role_skips_row_level_security_is_named(self, db) -> None:
        with superuser_changed(db, "ALTER ROLE rolebridge_app BYPASSRLS", "ALTER ROLE rolebridge_app NOBYPASSRLS"):
            check = found("database_roles")

        assert check.state == State.FAILED
        assert check.fix == "ALTER ROLE rolebridge_app NOSUPERUSER NOBYPASSRLS;"

    def test_whose_app_owns_a_table_is_named(self, db) -> None:
        table = "integrations_finding"
        with superuser_changed(
            db,
            f"ALTER TABLE {table} OWNER TO rolebridge_app",
            f"ALTER TABLE {table} OWNER TO rolebridge_owner;"
            f"GRANT SELECT, INSERT, UPDATE, DELETE ON {table} TO rolebridge_app",
        ):
            check = found("database_roles")

        assert f"names the owner of {table}" in check.message

    def test_whose_schema_is_older_than_the_code_is_named(self, db) -> None:
        last = "(SELECT id FROM django_migrations WHERE app = 'integrations' ORDER BY name DESC LIMIT 1)"
        with superuser_changed(
            db,
            f"UPDATE django_migrations SET app = 'elsewhere' WHERE id = {last}",
            "UPDATE django_migrations SET app = 'integrations' WHERE app = 'elsewhere'",
        ):
            check = found("schema")

        assert "migrations are not applied" in check.message
        assert "manage.py migrate" in check.fix

    @pytest.mark.parametrize(
        ("change", "back", "message"),
        [
            ("NO FORCE ROW LEVEL SECURITY", "FORCE ROW LEVEL SECURITY", "is off for integrations_finding"),
            ("DISABLE ROW LEVEL SECURITY", "ENABLE ROW LEVEL SECURITY", "is off for integrations_finding"),
        ],
    )
    def test_with_a_table_outside_of_row_level_security_is_named(self, db, change, back, message) -> None:
        table = "ALTER TABLE integrations_finding"
        with superuser_changed(db, f"{table} {change}", f"{table} {back}"):
            check = found("row_level_security")

        assert message in check.message
        assert "FORCE ROW LEVEL SECURITY" in check.fix

    def test_with_a_policy_that_lets_everything_through_is_named(self, db, cast) -> None:
        with superuser_changed(
            db,
            "CREATE POLICY helpful ON tenants_tenant FOR SELECT TO rolebridge_app USING (true)",
            "DROP POLICY helpful ON tenants_tenant",
        ):
            check = found("row_level_security")

        assert "tenants_tenant shows rows although no tenant is named" in check.message


class TestBrokerAndCache:
    def test_a_broker_that_is_away_is_named(self, broker, monkeypatch) -> None:
        use_broker(monkeypatch, AWAY)

        check = found("broker")

        assert check.state == State.FAILED
        assert "CELERY_BROKER_URL" in check.fix

    def test_a_broker_that_would_forget_is_named(self, broker) -> None:
        with redis.Redis.from_url(broker) as server:
            server.config_set("maxmemory-policy", "allkeys-lru")
            check = found("broker")
            server.config_set("maxmemory-policy", "noeviction")

        assert "maxmemory-policy is allkeys-lru" in check.message

    def test_a_cache_in_the_brokers_database_is_named(self, broker) -> None:
        caches = {"default": django_settings.CACHES["default"] | {"LOCATION": django_settings.CELERY_BROKER_URL}}
        with override_settings(CACHES=caches):
            assert "would empty the queues" in found("broker").message

    @pytest.mark.parametrize("address", ["redis://127.0.0.1:1/1", "redis://user:hunter2@127.0.0.1:1/1"])
    def test_a_cache_that_is_away_is_named_without_its_password(self, broker, address) -> None:
        caches = {"default": django_settings.CACHES["default"] | {"LOCATION": address}}
        with override_settings(CACHES=caches):
            check = found("cache")
        cache.close()

        assert check.state == State.FAILED
        assert "CACHE_URL" in check.fix
        assert "hunter2" not in check.message


@contextmanager
def mail_server(settings, **answers: bytes) -> Iterator[None]:
    """A mail server in which a verb is answered so."""

    class Session(socketserver.StreamRequestHandler):
        def handle(self) -> None:
            self.wfile.write(b"220 test\r\n")
            while line := self.rfile.readline():
                verb = line[:4].decode().upper()
                usual = b"250-test\r\n250 AUTH PLAIN LOGIN\r\n" if verb == "EHLO" else b"250 ok\r\n"
                self.wfile.write(answers.get(verb, usual))

    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Session) as server:
        server.daemon_threads = True
        threading.Thread(target=server.serve_forever, daemon=True).start()
        settings.EMAIL_BACKEND, settings.EMAIL_USE_TLS, settings.EMAIL_USE_SSL = SMTP, False, False
        settings.EMAIL_HOST, settings.EMAIL_PORT = server.server_address[:2]
        yield
        server.shutdown()


class TestMail:
    def test_a_server_that_takes_our_sender_is_well(self, settings) -> None:
        with mail_server(settings):
            check = found("mail")

        assert (check.state, "takes mail from" in check.message) == (State.PASSED, True)

    def test_a_server_that_is_away_is_named(self, settings) -> None:
        settings.EMAIL_BACKEND, settings.EMAIL_HOST, settings.EMAIL_PORT = SMTP, "127.0.0.1", free_port()

        assert "EMAIL_URL" in found("mail").fix

    def test_a_server_that_refuses_the_password_is_named(self, settings) -> None:
        settings.EMAIL_HOST_USER, settings.EMAIL_HOST_PASSWORD = "portal", "wrong"
        with mail_server(settings, AUTH=b"535 5.7.8 no\r\n"):
            check = found("mail")

        assert "does not let portal in" in check.message

    def test_a_server_that_refuses_the_sender_is_named(self, settings) -> None:
        with mail_server(settings, MAIL=b"554 not verified\r\n"):
            check = found("mail")

        assert "554 not verified" in check.message
        assert "EMAIL_FROM" in check.fix


class TestEncryption:
    def test_on_one_machine_is_not_needed(self, db) -> None:
        check = found("encryption")

        assert check.state == State.PASSED
        assert check.message == (
            "database, broker, cache and mail stay on this machine or take TLS; "
            "PostgreSQL is spoken to from its own machine"
        )

    def test_names_what_goes_in_the_clear_on_purpose_and_is_no_fault(self, db, settings) -> None:
        settings.PLAINTEXT_ALLOWED_TO = ["database", "broker"]
        settings.IN_THE_CLEAR = (
            InTheClear("database", "DATABASE_URL"),
            InTheClear("broker", "CELERY_BROKER_URL"),
        )

        check = found("encryption")

        assert exit_status([check]) == 0
        assert check.state == State.NOT_SET_UP
        assert "in the clear, as PLAINTEXT_ALLOWED_TO says: DATABASE_URL, CELERY_BROKER_URL; " in check.message

    @pytest.mark.parametrize(
        ("seen", "message"),
        [
            # The server of the tests is built without TLS, so what it would say is put in its mouth.
            ((True, "TLSv1.3", "10.0.0.4"), "PostgreSQL is spoken to by TLSv1.3"),
            ((False, None, "127.0.0.1"), "PostgreSQL is spoken to from its own machine"),
        ],
    )
    def test_is_asked_of_postgresql_itself(self, db, monkeypatch, seen, message) -> None:
        monkeypatch.setattr("portal.preflight.encryption._connection_at_postgresql", lambda: seen)

        check = found("encryption")

        assert check.state == State.PASSED
        assert check.message.endswith(message)

    def test_that_a_pooler_takes_away_behind_us_is_told(self, db, settings, monkeypatch) -> None:
        seen = (False, None, "10.0.0.4")
        monkeypatch.setattr("portal.preflight.encryption._connection_at_postgresql", lambda: seen)

        check = found("encryption")

        assert check.state == State.UNKNOWN
        assert "PostgreSQL is spoken to in the clear from 10.0.0.4, such as a pooler" in check.message
        assert "server_tls_sslmode" in check.fix
        settings.PLAINTEXT_ALLOWED_TO = ["database"]
        assert found("encryption").state == State.NOT_SET_UP

    def test_of_a_database_that_is_away_is_unknown(self, db, settings) -> None:
        drop_connections("default")
        where = connections["default"].settings_dict
        before, where["PORT"] = where["PORT"], str(free_port())
        settings.IN_THE_CLEAR = (InTheClear("cache", "CACHE_URL"),)
        try:
            check = found("encryption")
        finally:
            drop_connections("default")
            where["PORT"] = before

        assert check.state == State.UNKNOWN
        assert "CACHE_URL; the database does not answer" in check.message


class TestClock:
    def test_aws_by_whose_clock_ours_is_wrong_is_named(self, db, settings) -> None:
        class Yesterday(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                self.send_response_only(403)
                self.send_header("Date", "Mon, 01 Jan 2024 00:00:00 GMT")
                self.send_header("Content-Length", "18")
                self.end_headers()
                self.wfile.write(b"<ErrorResponse />\n")

            def log_message(self, *_: object) -> None:
                pass

        with HTTPServer(("127.0.0.1", 0), Yesterday) as server:
            threading.Thread(target=server.serve_forever, daemon=True).start()
            settings.AWS_ENDPOINT_URL = f"http://127.0.0.1:{server.server_address[1]}"
            check = found("clock")
            server.shutdown()

        assert check.state == State.FAILED
        assert "ahead of that of AWS" in check.message
        assert "NTP" in check.fix

    def test_no_aws_to_compare_with_is_unknown(self, db, settings) -> None:
        settings.AWS_ENDPOINT_URL = f"http://127.0.0.1:{free_port()}"

        assert found("clock").state == State.UNKNOWN


class TestAws:
    def test_an_integration_role_that_refuses_us_is_named(self, db, sandbox_address) -> None:
        iam = ClientFactory(sandbox_address).with_keys(
            "iam", "us-east-1", django_settings.VENDOR_ACCOUNT_ID, SANDBOX_SECRET
        )
        trust = iam.get_role(RoleName="integration")["Role"]["AssumeRolePolicyDocument"]
        closed = json.dumps(trust).replace('"Effect": "Allow"', '"Effect": "Deny"')
        iam.update_assume_role_policy(RoleName="integration", PolicyDocument=closed)
        try:
            check = found("vendor_identity")
        finally:
            iam.update_assume_role_policy(RoleName="integration", PolicyDocument=json.dumps(trust))

        assert check.state == State.FAILED
        assert "vendor_doctor" in check.fix

    def test_a_bucket_that_serves_templates_is_well(self, bucket) -> None:
        with override_settings(TEMPLATE_BUCKET=bucket, TEMPLATE_BUCKET_ACCESS="presigned"):
            check = found("template_bucket")

        assert check.state == State.PASSED, check

    def test_a_bucket_from_which_nobody_can_read_is_named(self, bucket) -> None:
        with override_settings(TEMPLATE_BUCKET=bucket, TEMPLATE_BUCKET_ACCESS="public-read"):
            check = found("template_bucket")

        assert "stacks cannot be launched" in check.message

    def test_a_bucket_that_is_not_there_is_named(self, bucket) -> None:
        with override_settings(TEMPLATE_BUCKET="no-such-bucket"):
            check = found("template_bucket")

        assert "s3:PutObject" in check.fix
