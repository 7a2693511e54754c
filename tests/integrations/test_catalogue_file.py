"""The catalogue in force follows its file, with no restart."""

import logging
import os
import shutil
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

import pytest

from integrations import catalogue_file, tasks
from integrations.catalogue import CatalogueError, load_catalogue
from integrations.catalogue_file import CatalogueFile, catalogue, one_catalogue
from integrations.models import CatalogueRelease
from portal.local.commands import web_command
from portal.local.services import ServiceError, answers, child_process, free_port, wait_until
from tests import processes
from tests.brokers import use_broker
from tests.environment import BROKER
from tests.integrations.test_catalogue import VALID

ROOT = Path(__file__).resolve().parents[2]
RENAMED = VALID.replace("version: 1.0.0\nproduct", "version: 1.0.1\nproduct").replace("Northwind Insights", "Southwind")


@pytest.fixture
def path(tmp_path, monkeypatch) -> Path:
    """A catalogue file of the test's own, looked at whenever it is asked for."""
    monkeypatch.setattr(catalogue_file, "LOOK_EVERY", 0.0)
    path = tmp_path / "catalogue.yaml"
    path.write_text(VALID)
    return path


@pytest.fixture
def in_force(path, settings) -> Path:
    """The same, as the catalogue of this process."""
    settings.CATALOGUE_FILE = path
    return path


def write(path: Path, text: str) -> None:
    """Replace the file as editors and deployments do."""
    beside = path.with_suffix(".new")
    beside.write_text(text)
    beside.replace(path)


def test_a_changed_file_is_in_force_at_once(path) -> None:
    file = CatalogueFile(path)
    before = file.current()

    write(path, RENAMED)

    assert (before.product_name, file.current().product_name) == ("Northwind Insights", "Southwind")
    assert file.problem == ""


def test_a_file_that_a_symbolic_link_is_moved_to_is_in_force(path, tmp_path) -> None:
    (tmp_path / "second.yaml").write_text(RENAMED)
    link = tmp_path / "link.yaml"
    link.symlink_to(path)
    file = CatalogueFile(link)
    file.current()

    link.unlink()
    link.symlink_to(tmp_path / "second.yaml")

    assert file.current().product_name == "Southwind"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("version: [", "line 1: this is not valid YAML"),
        (RENAMED.replace("ec2:DescribeInstances", "ec2:DescribeInstanzes"), "line 10, components[0].permissions[0]"),
        (VALID.replace("Northwind Insights", "Southwind"), "Give it a higher version"),
        (RENAMED.replace("false", "true"), "needs a new major version"),
        (None, "cannot be read"),
    ],
    ids=["not YAML", "misspelt", "same version", "wider", "gone"],
)
def test_what_must_not_be_in_force_leaves_the_old_one_there_and_says_so(path, caplog, text, message) -> None:
    file = CatalogueFile(path)
    before = file.current()

    if text is None:
        path.unlink()
    else:
        write(path, text)
    with caplog.at_level(logging.ERROR):
        after = [file.current(), file.current()]

    assert after == [before, before]
    assert message in file.problem
    assert message in caplog.text
    assert len(caplog.records) == 1, "it says so once for each change"


def test_a_mended_file_is_in_force_and_the_problem_is_gone(path) -> None:
    file = CatalogueFile(path)
    file.current()
    write(path, "version: [")
    file.current()

    write(path, RENAMED)

    assert file.current().product_name == "Southwind"
    assert file.problem == ""


def test_a_catalogue_that_was_in_force_may_come_back(path) -> None:
    file = CatalogueFile(path)
    file.current()
    write(path, RENAMED)
    file.current()

    write(path, VALID)

    assert file.current().product_name == "Northwind Insights"


def test_a_broken_file_with_nothing_before_it_is_an_error(path) -> None:
    write(path, "version: [")

    with pytest.raises(CatalogueError, match="line 1"):
        CatalogueFile(path).current()


def test_a_run_keeps_the_catalogue_that_it_began_with(in_force) -> None:
    with one_catalogue():
        write(in_force, RENAMED)
        during = catalogue().product_name

    assert (during, catalogue().product_name) == ("Northwind Insights", "Southwind")


def wait_for(condition) -> None:
    ends_at = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < ends_at, "it did not happen within 30 seconds"
        time.sleep(0.1)


def fetch(url: str) -> tuple[int, str]:
    try:
        with urllib.request.urlopen(url, timeout=20) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read().decode()


def test_a_web_server_takes_a_changed_catalogue_up_and_keeps_the_old_one_when_it_is_broken(
    db, broker, sandbox_address, tmp_path
) -> None:
    path = tmp_path / "catalogue.yaml"
    shutil.copy(ROOT / "catalogue.yaml", path)
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    text = path.read_text()
    changed = text.replace("version: ", "version: 9", 1).replace(": Northwind Insights", ": Southwind", 1)
    environment = {"CATALOGUE_FILE": str(path), "BASE_URL": url}

    with child_process(web_command(sys.executable, port), tmp_path / "web.log", environment) as process:
        wait_until("web", lambda: answers(f"{url}/livez"), process, tmp_path / "web.log")
        before = fetch(f"{url}/")[1]
        write(path, changed)
        wait_for(lambda: "Southwind" in fetch(f"{url}/")[1])
        write(path, "components: [")
        wait_for(lambda: fetch(f"{url}/readyz")[0] == 503)
        page, ready = fetch(f"{url}/")[1], fetch(f"{url}/readyz")[1]

    assert "Northwind Insights" in before
    assert "Southwind" in page
    assert '"catalogue": {"ok": false' in ready
    assert "catalogue.yaml, line 1" in (tmp_path / "web.log").read_text()


def test_a_worker_takes_a_changed_catalogue_up(db, broker, sandbox_address, tmp_path, monkeypatch) -> None:
    path = tmp_path / "catalogue.yaml"
    shutil.copy(ROOT / "catalogue.yaml", path)
    broker_of_its_own = BROKER.rsplit("/", 1)[0] + "/5"
    environment = {"CATALOGUE_FILE": str(path), "CELERY_BROKER_URL": broker_of_its_own}
    use_broker(monkeypatch, broker_of_its_own)

    current = load_catalogue(path).version

    def versions() -> set[str]:
        return set(CatalogueRelease.objects.values_list("version", flat=True))

    with processes.celery_worker("catalogue-worker", environment):
        at_start = versions()
        write(path, path.read_text().replace("version: ", "version: 9", 1))
        time.sleep(catalogue_file.LOOK_EVERY)
        tasks.release_catalogue.delay()
        wait_for(lambda: versions() == {current, f"9{current}"})

    assert at_start == {current}


def test_a_worker_does_not_start_with_a_catalogue_that_must_not_follow(db, broker, sandbox_address, tmp_path) -> None:
    path = tmp_path / "catalogue.yaml"
    path.write_text(
        (ROOT / "catalogue.yaml").read_text().replace("sees_customer_data: false", "sees_customer_data: true")
    )
    tasks.release_catalogue()

    environment = {**os.environ, "CATALOGUE_FILE": str(path)}
    with (
        pytest.raises(ServiceError, match="needs a new major version"),
        processes.celery_worker("refused-worker", environment),
    ):
        pass
