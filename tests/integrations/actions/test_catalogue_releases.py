"""Catalogue releases: kept, audited, and compared with what comes after."""

import pytest

from integrations import catalogue_file
from integrations.actions.catalogue_releases import check_release, release_catalogue
from integrations.catalogue import CatalogueError
from integrations.models import CatalogueRelease
from portal.checks import catalogue_may_follow
from tenants.audit import SYSTEM
from tenants.models import AuditEvent
from tenants.scope import staff_scope
from tests.integrations.test_catalogue import VALID

WIDER = VALID.replace("version: 1.0.0\nproduct", "version: 1.1.0\nproduct").replace("data: false", "data: true")


@pytest.fixture
def use(settings, tmp_path):
    """Start anew with a catalogue, as a restarted process does."""

    def restart(text: str) -> None:
        path = tmp_path / f"catalogue-{len(list(tmp_path.iterdir()))}.yaml"
        path.write_text(text)
        settings.CATALOGUE_FILE = path

    yield restart
    for path in list(catalogue_file._files):
        if path.is_relative_to(tmp_path):
            del catalogue_file._files[path]


def test_a_catalogue_is_kept_once_with_all_that_it_says(db, use) -> None:
    use(VALID)

    first, again = release_catalogue(by=SYSTEM), release_catalogue(by=SYSTEM)

    assert (first.pk, first.version, len(first.sha256)) == (again.pk, "1.0.0", 64)
    assert first.document["components"][0]["permissions"][0]["action"] == "ec2:DescribeInstances"
    with staff_scope():
        [event] = AuditEvent.objects.filter(action="system:catalogue:released")
    assert event.data == {"version": "1.0.0", "sha256": first.sha256}


def test_after_a_restart_too_a_catalogue_that_widens_permissions_is_refused(db, use) -> None:
    use(VALID)
    release_catalogue(by=SYSTEM)
    use(WIDER)

    with pytest.raises(CatalogueError, match="needs a new major version"):
        release_catalogue(by=SYSTEM)
    with pytest.raises(CatalogueError, match="needs a new major version"):
        check_release()
    [error] = catalogue_may_follow(databases=["default"])

    assert error.id == "rolebridge.E004"
    assert CatalogueRelease.objects.count() == 1


def test_with_a_new_major_version_it_is_released(db, use) -> None:
    use(VALID)
    release_catalogue(by=SYSTEM)
    use(WIDER.replace("    version: 1.0.0", "    version: 2.0.0"))

    release_catalogue(by=SYSTEM)

    assert [release.version for release in CatalogueRelease.objects.all()] == ["1.1.0", "1.0.0"]
    assert catalogue_may_follow(databases=["default", "owner"]) == []


def test_an_earlier_release_may_come_back(db, use) -> None:
    use(VALID)
    first = release_catalogue(by=SYSTEM)
    use(VALID.replace("version: 1.0.0\nproduct", "version: 1.1.0\nproduct"))
    release_catalogue(by=SYSTEM)
    use(VALID)

    check_release()

    assert release_catalogue(by=SYSTEM) == first


def test_the_version_of_a_release_is_never_given_to_another_content(db, use) -> None:
    use(VALID)
    release = release_catalogue(by=SYSTEM)

    with pytest.raises(Exception, match="catalogue_release_version_unique"):
        CatalogueRelease.objects.create(version=release.version, sha256="0" * 64, document={})
