"""Calls to addresses that customers name reach public addresses alone, and end."""

import socket
import ssl
import time
from ipaddress import ip_address, ip_network

import pytest

from tenants import outbound
from tenants.outbound import OutboundError, Refused, TooSlow, Unreachable, check_url, exchange, judge
from tests.web_servers import answering, certificate_for, web_server

PUBLIC = ("93.184.216.34", 443)


@pytest.fixture
def strict(settings) -> None:
    """As in production."""
    settings.OUTBOUND_MAY_REACH_LOOPBACK = False


def ask(url: str, *, deadline_seconds: float = 5.0, most_bytes: int = 1000, method: str = "GET", **more):
    return exchange(method, url, headers={}, deadline_seconds=deadline_seconds, most_bytes=most_bytes, **more)


def resolve_to(monkeypatch, *answers: list[tuple]) -> list[str]:
    """Let each look-up of a name give the next of these answers; gives the list of the names that were looked up."""
    asked, left = [], list(answers)

    def look_up(host, port, **_):
        asked.append(host)
        places = left.pop(0) if len(left) > 1 else left[0]
        family = {4: socket.AF_INET, 6: socket.AF_INET6}
        return [
            (
                family[ip_address(place[0]).version],
                socket.SOCK_STREAM,
                6,
                "",
                (*place, *(0, 0)[: 2 * (":" in place[0])]),
            )
            for place in places
        ]

    monkeypatch.setattr(socket, "getaddrinfo", look_up)
    return asked


@pytest.mark.parametrize(
    "address",
    [
        "0.0.0.0", "0.1.2.3", "10.1.2.3", "100.64.0.1", "100.100.100.200", "127.0.0.1", "127.8.9.10", "168.63.129.16",
        "169.254.169.254", "169.254.170.2", "172.16.0.1", "172.31.255.255", "192.0.0.170", "192.0.2.1", "192.88.99.1",
        "192.168.1.1", "198.18.0.1", "198.51.100.1", "203.0.113.1", "224.0.0.1", "239.255.255.255", "240.0.0.1",
        "255.255.255.255",
        "::", "::1", "::127.0.0.1", "::ffff:127.0.0.1", "::ffff:169.254.169.254", "::ffff:93.184.216.34",
        "64:ff9b::7f00:1", "64:ff9b::a9fe:a9fe", "64:ff9b:1::a9fe:a9fe", "100::1", "2001::1", "2001:10::1",
        "2001:db8::1", "2002:7f00:1::", "2002:a9fe:a9fe::", "3fff::1", "5f00::1", "fc00::1", "fd00:ec2::254", "fe80::1",
        "fec0::1", "ff02::1",
    ],
)  # fmt: skip
def test_an_address_that_is_not_public_is_refused(strict, address) -> None:
    with pytest.raises(Refused, match="not public"):
        judge(ip_address(address))


@pytest.mark.parametrize("address", ["93.184.216.34", "8.8.8.8", "172.32.0.1", "2606:2800:220:1::1", "2a00:1450::1"])
def test_a_public_address_may_be_called(strict, address) -> None:
    judge(ip_address(address))


def test_the_vendors_own_public_networks_are_refused_where_it_names_them(strict, settings) -> None:
    settings.OUTBOUND_REFUSED_NETWORKS = [ip_network("2606:2800:220::/48"), ip_network("93.184.216.0/24")]

    for address in ("2606:2800:220:1::1", "93.184.216.34"):
        with pytest.raises(Refused):
            judge(ip_address(address))
    judge(ip_address("8.8.8.8"))


@pytest.mark.parametrize(
    ("url", "why"),
    [
        ("http://example.com/", "https"),
        ("ftp://example.com/", "https"),
        ("file:///etc/passwd", "https"),
        ("https:///path", "host"),
        ("https://example.com:0/", "host"),
        ("https://example.com;script-src/", "host"),
        ("https://example.com,x/", "host"),
        ("https://example.com:99999/", "no URL"),
        ("https://[::1/", "no URL"),
        ("https://user:secret@example.com/", "user name"),
        ("https://@example.com/", "user name"),
        ("https://example.com/#part", "#"),
        ("https://example.com/a b", "characters"),
        ("https://example.com/\r\nX: y", "characters"),
        ("https://exämple.com/", "characters"),
        ("https://example.com/" + "x" * 500, "longer"),
        ("https://127.0.0.1/", "not public"),
        ("https://[::ffff:10.0.0.1]/", "not public"),
        ("https://169.254.169.254/latest/meta-data/", "not public"),
    ],
)
def test_a_url_that_is_not_called_is_refused_with_the_reason(strict, url, why) -> None:
    with pytest.raises(Refused, match=why):
        check_url(url)


@pytest.mark.parametrize("host", ["localhost", "2130706433", "0x7f.1", "127.1", "0177.0.0.1"])
def test_every_way_to_write_loopback_is_refused_and_reaches_nobody(strict, host) -> None:
    with web_server(answering(200)) as server, pytest.raises(OutboundError):
        ask(f"https://{host}:{server.address.rpartition(':')[2]}/")

    assert server.asked == []


def test_a_name_with_one_private_address_among_public_ones_is_refused(strict, monkeypatch) -> None:
    resolve_to(monkeypatch, [PUBLIC, ("10.0.0.1", 443)])

    with pytest.raises(Refused, match="not public"):
        ask("https://hooks.example.com/")


def test_a_name_that_means_something_else_a_moment_later_is_never_asked_again(settings, monkeypatch) -> None:
    """DNS rebinding: the first look-up is judged, and what a second one would say is never known."""
    settings.OUTBOUND_REFUSED_NETWORKS = []
    with web_server(answering(200)) as judged, web_server(answering(200)) as rebound:
        places = [("127.0.0.1", int(server.address.rpartition(":")[2])) for server in (judged, rebound)]
        asked = resolve_to(monkeypatch, [places[0]], [places[1]])

        answer = ask("http://hooks.example.com/")

    assert answer.status == 200
    assert asked == ["hooks.example.com"]
    assert [len(judged.asked), len(rebound.asked)] == [1, 0]
    assert judged.asked[0].headers["host"] == "hooks.example.com"


def test_a_connection_that_ends_up_elsewhere_is_refused_before_a_byte_is_sent(strict, monkeypatch) -> None:
    """Whatever stands between `connect` and its peer: the open connection is judged too."""
    with web_server(answering(200)) as server:
        place = ("127.0.0.1", int(server.address.rpartition(":")[2]))
        resolve_to(monkeypatch, [PUBLIC])
        real = socket.socket.connect
        monkeypatch.setattr(socket.socket, "connect", lambda self, _place: real(self, place))

        with pytest.raises(Refused, match="not public"):
            ask("https://hooks.example.com/")

    assert server.asked == []


def test_a_redirect_is_an_answer_and_is_not_followed() -> None:
    with (
        web_server(answering(200, b"secret")) as inner,
        web_server(answering(302, b"", {"Location": f"{inner.address}/"})) as server,
    ):
        answer = ask(f"{server.address}/")

    assert answer.status == 302
    assert len(server.asked) == 1
    assert inner.asked == []


def test_no_proxy_of_the_environment_is_used(monkeypatch) -> None:
    with web_server(answering(200)) as proxy, web_server(answering(204)) as server:
        monkeypatch.setenv("http_proxy", proxy.address)
        monkeypatch.setenv("HTTP_PROXY", proxy.address)

        answer = ask(f"{server.address}/")

    assert answer.status == 204
    assert proxy.asked == []


def test_an_answer_is_read_up_to_the_limit() -> None:
    with web_server(answering(200, b"x" * 5000)) as server:
        answer = ask(f"{server.address}/", most_bytes=1000)
        whole = ask(f"{server.address}/", most_bytes=5000)

    assert (answer.body, answer.is_cut) == (b"x" * 1000, True)
    assert (len(whole.body), whole.is_cut) == (5000, False)


def drip(_asked, handler) -> None:
    """A byte now and then, each well within any time-out between bytes."""
    handler.wfile.write(b"HTTP/1.1 200 OK\r\nX-Slow: ")
    for _ in range(200):
        time.sleep(0.05)
        handler.wfile.write(b"x")


def test_an_answer_that_drips_ends_with_the_deadline() -> None:
    with web_server(drip) as server, pytest.raises(TooSlow):
        ask(f"{server.address}/", deadline_seconds=0.5)


def test_a_body_that_drips_ends_with_the_deadline() -> None:
    def answer(asked, handler) -> None:
        handler.wfile.write(b"HTTP/1.0 200 OK\r\n\r\n")
        drip(asked, handler)

    with web_server(answer) as server, pytest.raises(TooSlow):
        ask(f"{server.address}/", deadline_seconds=0.5)


def test_a_resolver_that_hangs_ends_with_the_deadline(monkeypatch) -> None:
    def hang(*_args, **_named) -> list:
        time.sleep(2)
        return []

    monkeypatch.setattr(socket, "getaddrinfo", hang)

    with pytest.raises(TooSlow, match="name of the host"):
        ask("https://hooks.example.com/", deadline_seconds=0.3)


def test_a_tls_handshake_that_never_ends_ends_with_the_deadline() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent, pytest.raises(TooSlow):
        ask(f"https://127.0.0.1:{silent.getsockname()[1]}/", deadline_seconds=0.5)


def test_nothing_that_listens_and_what_speaks_no_http_are_said_in_words() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    with pytest.raises(Unreachable, match="refused"):
        ask(f"http://127.0.0.1:{port}/")
    with (
        web_server(lambda _asked, handler: handler.wfile.write(b"SSH-2.0-OpenSSH\r\n\r\n")) as server,
        pytest.raises(Unreachable, match="HTTP"),
    ):
        ask(f"{server.address}/")


def test_a_certificate_counts_only_for_its_name_and_only_if_it_is_trusted(monkeypatch, tmp_path) -> None:
    tls, trusted = certificate_for("hooks.example.com", tmp_path)
    with web_server(answering(200), tls) as server:
        resolve_to(monkeypatch, [("127.0.0.1", int(server.address.rpartition(":")[2]))])
        with pytest.raises(Unreachable, match="certificate"):
            ask("https://hooks.example.com/")
        monkeypatch.setattr(outbound, "tls_context", lambda: ssl.create_default_context(cafile=str(trusted)))
        with pytest.raises(Unreachable, match="certificate"):
            ask("https://another.example.com/")
        assert server.asked == []

        assert ask("https://hooks.example.com/").status == 200
