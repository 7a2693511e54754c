"""The Launch stack link: the template in a bucket of the sandbox, and the address of the console."""

import urllib.request
from datetime import timedelta
from urllib.parse import parse_qs, urlsplit

import pytest
from django.db import connections
from django.test import override_settings
from django.utils import timezone

from integrations.actions import quick_create
from integrations.actions.connections import create_connection
from integrations.actions.quick_create import prepare_quick_create
from integrations.aws.template_bucket import publish_template
from integrations.models import RoleTemplateDownload
from integrations.role_templates.quick_create import quick_create_url
from tenants.audit import SYSTEM
from tenants.scope import tenant_scope


@pytest.fixture
def connection(cast):
    with tenant_scope(cast.tenant.pk):
        return create_connection(tenant=cast.tenant, name="Production", account_id="222233334444", by=SYSTEM)


def template_url(made) -> str:
    return parse_qs(urlsplit(made.url).fragment.partition("?")[2])["templateURL"][0]


def test_the_template_is_read_under_a_presigned_address_that_ends(bucket, connection) -> None:
    with override_settings(TEMPLATE_BUCKET=bucket, TEMPLATE_BUCKET_ACCESS="presigned"):
        made = prepare_quick_create(tenant_id=connection.tenant_id, connection_id=connection.pk, by=SYSTEM)

    with tenant_scope(connection.tenant_id):
        kept = RoleTemplateDownload.objects.select_related("role_template").get().role_template
        wanted = bytes(kept.content)
    with urllib.request.urlopen(template_url(made), timeout=10) as answer:
        assert answer.read() == wanted
    assert f"/{bucket}/role-templates/{kept.sha256}.yaml?" in template_url(made)
    assert made.sha256 == kept.sha256
    assert timedelta(minutes=55) < made.expires_at - timezone.now() <= timedelta(hours=1)


def test_a_public_address_lasts_and_has_nothing_to_guess_it_by(bucket, connection) -> None:
    with override_settings(TEMPLATE_BUCKET=bucket):
        made = prepare_quick_create(tenant_id=connection.tenant_id, connection_id=connection.pk, by=SYSTEM)

    assert template_url(made).endswith(f"/{bucket}/role-templates/{made.sha256}.yaml")
    assert made.expires_at is None


def test_the_page_shows_the_link_and_without_a_bucket_the_download_alone(bucket, connection, cast, sign_in) -> None:
    client, url = sign_in(cast.viewer), f"/tenants/{cast.tenant.pk}/connections/{connection.pk}/"

    without = client.get(url).content.decode()
    with override_settings(TEMPLATE_BUCKET=bucket, TEMPLATE_BUCKET_ACCESS="presigned"):
        offered = client.get(url).content.decode()
        page = client.post(f"{url}quick-create/").content.decode()

    assert "Launch stack" not in without
    assert "Make a Launch stack link" in offered
    assert "https://us-east-1.console.aws.amazon.com/cloudformation/home?region=us-east-1#/stacks/create/review" in page
    assert "The link works until" in page


@pytest.mark.parametrize("through", ["page", "api"])
def test_no_transaction_is_open_while_the_bucket_is_written_to(
    bucket, connection, cast, sign_in, api, monkeypatch, through
) -> None:
    open_transactions = []

    def publish(*arguments):
        open_transactions.append([one.alias for one in connections.all() if one.in_atomic_block])
        return publish_template(*arguments)

    monkeypatch.setattr(quick_create, "publish_template", publish)

    with override_settings(TEMPLATE_BUCKET=bucket):
        if through == "page":
            url = f"/tenants/{cast.tenant.pk}/connections/{connection.pk}/quick-create/"
            answer = sign_in(cast.owner).post(url)
        else:
            answer = api(cast.owner, cast.tenant).post(f"/api/v1/connections/{connection.pk}/quick-create/")

    assert answer.status_code == (200 if through == "page" else 201)
    assert open_transactions == [[]]


@pytest.mark.parametrize("name", ["no-such-bucket"])
def test_a_bucket_that_refuses_leaves_the_download(bucket, connection, cast, sign_in, api, name) -> None:
    url = f"/tenants/{cast.tenant.pk}/connections/{connection.pk}/quick-create/"

    with override_settings(TEMPLATE_BUCKET=name):
        page = sign_in(cast.owner).post(url, follow=True).content.decode()
        answer = api(cast.owner, cast.tenant).post(f"/api/v1/connections/{connection.pk}/quick-create/")

    assert "Download the template instead" in page
    assert answer.status_code == 502
    assert answer.json()["type"].endswith(":template-bucket-failed")


@pytest.mark.parametrize(
    ("partition", "region", "host"),
    [
        ("aws", "eu-central-1", "eu-central-1.console.aws.amazon.com"),
        ("aws-us-gov", "us-gov-west-1", "us-gov-west-1.console.amazonaws-us-gov.com"),
        ("aws-cn", "cn-north-1", "cn-north-1.console.amazonaws.cn"),
        ("aws-eusc", "eusc-de-east-1", "eusc-de-east-1.console.amazonaws-eusc.eu"),
    ],
)
def test_each_partition_has_its_console(partition, region, host) -> None:
    url = quick_create_url(
        partition=partition, region=region, template_url="https://b/k?a=1&b=2#x", stack_name="rolebridge-x"
    )

    parts = urlsplit(url)
    assert parts.netloc == host
    assert parse_qs(parts.fragment.partition("?")[2]) == {
        "templateURL": ["https://b/k?a=1&b=2#x"],
        "stackName": ["rolebridge-x"],
    }
