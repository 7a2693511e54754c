"""A real nginx with deploy/nginx/rolebridge.conf, scanned by sslscan: it takes strong TLS alone."""

import re
import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa

from portal.local.services import ROOT, child_process, free_port, wait_until
from tests.web_servers import certificate_for

CONFIGURATION = (ROOT / "deploy/nginx/rolebridge.conf").read_text()
CERTIFICATE = "/etc/rolebridge/tls/certificate.pem"
KEY = "/etc/rolebridge/tls/key.pem"


def scan(port: int) -> tuple[int, str]:
    """Exit status and output of the scan that the rehearsal runs too."""
    done = subprocess.run(
        [sys.executable, "-m", "scripts.scan_tls", f"127.0.0.1:{port}"],
        cwd=ROOT, capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    return done.returncode, done.stdout + done.stderr


@contextmanager
def nginx(folder: Path, lines: str) -> Iterator[int]:
    """nginx with these lines of `rolebridge.conf`; gives its port. Without nginx this fails and is not skipped."""
    program = shutil.which("nginx") or shutil.which("/usr/sbin/nginx")
    assert program, "nginx is not installed. As root on Debian: apt-get install nginx-light"
    port, log = free_port(), folder / "nginx.log"
    # An operator's certificate has a key of one kind or the other, and each cipher is for one of them.
    certificate_for("ecdsa.example", folder)
    certificate_for("rsa.example", folder, rsa.generate_private_key(65537, 2048))
    for fixed, own in (
        (f"ssl_certificate {CERTIFICATE};", _both(folder, "ssl_certificate", "pem")),
        (f"ssl_certificate_key {KEY};", _both(folder, "ssl_certificate_key", "key")),
        ("/var/log/nginx", str(folder)),
        ("listen 8443", f"listen 127.0.0.1:{port}"),
    ):
        assert fixed in lines
        lines = lines.replace(fixed, own)
    (folder / "rolebridge.conf").write_text(lines)
    (folder / "rolebridge-upstream.conf").write_text("server 127.0.0.1:1;\n")
    paths = "".join(
        f"{kind}_temp_path {folder / kind};\n" for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    (folder / "nginx.conf").write_text(
        f"pid {folder / 'nginx.pid'};\nevents {{}}\nhttp {{\n{paths}include rolebridge.conf;\n}}\n"
    )
    command = [program, "-p", str(folder), "-c", str(folder / "nginx.conf"), "-g", "daemon off;"]
    with child_process(command, log) as process:
        wait_until("nginx", lambda: _listens(port), process, log)
        yield port


def _both(folder: Path, directive: str, ending: str) -> str:
    return " ".join(f"{directive} {folder / name}.example.{ending};" for name in ("ecdsa", "rsa"))


def _listens(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), 1).close()
    except OSError:
        return False
    return True


def test_our_nginx_takes_tls_1_2_and_1_3_with_forward_secrecy_alone(tmp_path) -> None:
    with nginx(tmp_path, CONFIGURATION) as port:
        status, output = scan(port)

    assert status == 0, output
    assert {line.strip() for line in output.splitlines()} == {
        "tls 1.2",
        "tls 1.3",
        "TLSv1.3 TLS_AES_128_GCM_SHA256",
        "TLSv1.3 TLS_AES_256_GCM_SHA384",
        "TLSv1.3 TLS_CHACHA20_POLY1305_SHA256",
        *(
            f"TLSv1.2 ECDHE-{key}-{cipher}"
            for key in ("ECDSA", "RSA")
            for cipher in ("AES128-GCM-SHA256", "AES256-GCM-SHA384", "CHACHA20-POLY1305")
        ),
    }


@pytest.mark.parametrize(
    ("directive", "instead", "weak"),
    [
        ("ssl_protocols", "ssl_protocols TLSv1.1 TLSv1.2 TLSv1.3", "tls 1.1"),
        ("ssl_ciphers", "ssl_ciphers HIGH:!aNULL:!MD5", "TLSv1.2 AES128-SHA"),  # nginx's own choice
        ("ssl_ciphers", "ssl_ciphers DHE+AES:ECDHE+AES", "TLSv1.2 ECDHE-RSA-AES128-SHA"),
    ],
)
def test_the_scan_names_what_is_weak(tmp_path, directive, instead, weak) -> None:
    lines = re.sub(rf"\b{directive} [^;]+", instead, CONFIGURATION)
    if directive == "ssl_protocols":  # OpenSSL itself keeps SHA-1 from TLS 1.1 at its usual level
        lines = re.sub(r"\bssl_ciphers [^;]+", "ssl_ciphers ALL:@SECLEVEL=0", lines)

    with nginx(tmp_path, lines) as port:
        status, output = scan(port)

    assert status == 1
    assert f"   {weak}  WEAK\n" in output


def test_a_scan_that_reaches_nothing_has_not_passed() -> None:
    status, output = scan(free_port())

    assert status == 1
    assert "does not answer" in output
