"""What every answer says to the browser, with the settings of production."""

import json
import os
import re
import subprocess
import sys

from django.test import Client

from portal.local.services import ROOT
from scripts.check_settings import PRODUCTION

ASK = """
import json, django
django.setup()
from django.conf import settings
from django.test import Client
settings.ALLOWED_HOSTS = ["portal.example"]
secure = Client(headers={"host": "portal.example", "x-forwarded-proto": "https"}).get("/api/nothing/")
plain = Client(headers={"host": "portal.example"}).get("/api/nothing/")
print(json.dumps({
    "secure": dict(secure.items()), "plain": [plain.status_code, plain["Location"]],
    "cookies": [settings.SESSION_COOKIE_SECURE, settings.SESSION_COOKIE_HTTPONLY, settings.CSRF_COOKIE_SECURE,
                settings.SESSION_COOKIE_SAMESITE, settings.CSRF_COOKIE_SAMESITE],
    "hasher": settings.PASSWORD_HASHERS[0],
    "names": [settings.SESSION_COOKIE_NAME, settings.CSRF_COOKIE_NAME, settings.KNOWN_BROWSER_COOKIE_NAME],
    "where": [settings.SESSION_COOKIE_PATH, settings.SESSION_COOKIE_DOMAIN,
              settings.CSRF_COOKIE_PATH, settings.CSRF_COOKIE_DOMAIN],
}))
"""


def test_production_speaks_https_alone_and_its_cookies_too() -> None:
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", ASK],
        env={"PATH": os.environ["PATH"], "DJANGO_SETTINGS_MODULE": "portal.settings"} | PRODUCTION,
        cwd=ROOT, capture_output=True, text=True, check=True,
    )  # fmt: skip
    answer = json.loads(done.stdout.splitlines()[-1])
    headers = answer["secure"]

    assert answer["plain"] == [301, "https://portal.example/api/nothing/"]
    assert re.search(r"max-age=63072000; includeSubDomains; preload", headers["Strict-Transport-Security"])
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["X-Frame-Options"] == "DENY"
    assert headers["Referrer-Policy"] == "same-origin"
    assert headers["Cross-Origin-Opener-Policy"] == "same-origin"
    assert answer["cookies"] == [True, True, True, "Lax", "Lax"]
    assert answer["hasher"].endswith(".ScryptPasswordHasher")
    # Browsers take a cookie of such a name only with Secure, for the whole host, and from this host alone.
    assert answer["names"] == ["__Host-sessionid", "__Host-csrftoken", "__Host-known-browser"]
    assert answer["where"] == ["/", None, "/", None]


def test_no_page_may_run_what_stands_in_it_or_use_the_devices(db) -> None:
    answer = Client().get("/accounts/login/")
    policy = answer["Content-Security-Policy"]

    assert "unsafe" not in policy
    assert "default-src 'none'" in policy
    assert "http" not in policy, "no other server is named"
    for feature in ("camera", "geolocation", "microphone", "payment", "usb"):
        assert f"{feature}=()" in answer["Permissions-Policy"]


def test_no_template_of_ours_holds_a_script_or_a_style() -> None:
    found = [
        f"{file.relative_to(ROOT)}: {match[0]}"
        for file in (ROOT / "templates").rglob("*.html")
        if file.parent.name != "email"  # no browser shows these, and mail programs read no other styles
        for match in re.finditer(
            r"<script(?![^>]*\bsrc=)[^>]*>|<style|\sstyle=|\son[a-z]+=\"|javascript:", file.read_text()
        )
    ]

    assert found == []
