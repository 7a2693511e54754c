"""deploy/nginx/rolebridge.conf logs no address that is a key. It is read, not run: no nginx is needed for it."""

import re

import pytest

from portal.local.services import ROOT
from portal.logs import KEYS_OF_LINKS, without_secrets
from tests.portal.addresses import addresses

CONFIGURATION = re.sub(r"#.*", "", (ROOT / "deploy/nginx/rolebridge.conf").read_text())
SECRET = "Yhzil5zP_dKeVzrmMiWSSomUH1FmzDxPJGXDRN3131o"  # as `new_secret` makes them
TELLING_NOTHING = {
    "remote_addr", "time_iso8601", "request_method", "logged_uri", "status", "body_bytes_sent", "request_time",
    "upstream_addr", "upstream_status", "upstream_response_time", "sent_http_x_request_id",
}  # fmt: skip


def logged(address: str) -> str:
    """What stands for the address in a line, by the file's map; Python reads its expression as nginx does."""
    expression = re.search(
        r'map \$uri \$logged_uri \{\s+default \$uri;\s+"~(.+)" "\$link\.\.\.\$rest";\s+\}', CONFIGURATION
    )[1]
    found = re.search(expression, address)
    return f"{found['link']}...{found['rest']}" if found else address


@pytest.mark.parametrize("link", KEYS_OF_LINKS)
@pytest.mark.parametrize("rest", ["", "/", "/what-you-will-see/", "/role-templates/terraform/"])
def test_its_log_shortens_the_addresses_that_portal_logs_shortens(link, rest) -> None:
    assert logged(f"{link}{SECRET}{rest}") == f"{link}...{rest}"
    assert without_secrets(f"{link}{SECRET}{rest}") == f"{link}…{rest}"


def test_it_knows_no_other_links_than_portal_logs() -> None:
    named = re.search(r"\(\?P<link>/\(\?:(.+?)\)/\)", CONFIGURATION)[1].split("|")

    assert {f"/{name}/" for name in named} == set(KEYS_OF_LINKS)


def test_both_know_every_address_that_holds_a_key() -> None:
    routes = [route.replace("^", "") for route, _, _ in addresses()]
    keys = re.compile(r"<(slug:secret|str:text|key)>")
    with_a_key = {"/" + re.split(r"[<(]", route)[0] for route in routes if keys.search(route)}

    assert with_a_key == set(KEYS_OF_LINKS)


def test_its_log_leaves_the_ids_of_pages_in() -> None:
    for address in ("/", "/tenants/1/settings/domains/2/remove/", "/accounts/password/reset/key", "/static/a.css"):
        assert logged(address) == address


def test_its_log_holds_no_query_no_referrer_and_no_whole_request() -> None:
    name, form = re.search(r"log_format (\w+) ([^;]+);", CONFIGURATION).groups()

    assert set(re.findall(r"\$(\w+)", form)) == TELLING_NOTHING
    assert re.findall(r"access_log ([^;]+);", CONFIGURATION) == [f"/var/log/nginx/access.log {name}"]


def test_its_log_of_errors_quotes_no_request() -> None:
    """Errors that a request meets, such as an upstream that refuses, are written with its whole address, as `error`."""
    assert re.findall(r"error_log ([^;]+);", CONFIGURATION) == ["/var/log/nginx/error.log crit"]
