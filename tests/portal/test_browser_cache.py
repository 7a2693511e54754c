"""What one person sees stays in no cache, of a browser or of a proxy."""

import pytest
from django.test import Client


@pytest.mark.parametrize("address", ["/organisations/", "/tenants/{tenant}/connections/", "/accounts/second-factor/"])
def test_no_page_of_somebody_who_is_signed_in_is_kept(cast, sign_in, address) -> None:
    page = sign_in(cast.owner).get(address.format(tenant=cast.tenant.pk))

    assert page.status_code == 200
    assert "no-store" in page["Cache-Control"]


def test_a_refusal_is_not_kept_either(cast, sign_in) -> None:
    page = sign_in(cast.stranger).get(f"/tenants/{cast.tenant.pk}/connections/")

    assert page.status_code == 404
    assert "no-store" in page["Cache-Control"]


def test_nothing_of_admin_is_kept(cast, sign_in) -> None:
    page = sign_in(cast.staff).get("/admin/tenants/tenant/")

    assert page.status_code == 200
    assert "no-store" in page["Cache-Control"]


def test_what_is_the_same_for_everybody_may_be_kept(db) -> None:
    assert "no-store" not in Client().get("/").get("Cache-Control", "")
