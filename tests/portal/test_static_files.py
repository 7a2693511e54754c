"""Static files as production serves them: each under a name that says what is in it, and compressed beforehand."""

import json
import re

from django.core.management import call_command
from django.template.loader import render_to_string

OURS = ("css/base.css", "icons.svg", "js/portal.js", "vendor/htmx/htmx.min.js")


def test_each_file_is_hashed_and_compressed_and_pages_name_it_so(settings, tmp_path) -> None:
    settings.STATIC_ROOT = tmp_path
    settings.STATICFILES_FINDERS = ["django.contrib.staticfiles.finders.FileSystemFinder"]  # ours alone
    production = "whitenoise.storage.CompressedManifestStaticFilesStorage"
    settings.STORAGES = settings.STORAGES | {"staticfiles": {"BACKEND": production}}

    call_command("collectstatic", interactive=False, verbosity=0)

    names = json.loads((tmp_path / "staticfiles.json").read_text())["paths"]
    for name in OURS:
        assert re.search(r"\.[0-9a-f]{12}\.", names[name])
        assert (tmp_path / f"{names[name]}.gz").stat().st_size < (tmp_path / names[name]).stat().st_size
    links = re.findall(r'href="/static/([^"]+)"', render_to_string("components/stylesheets.html"))
    assert len(links) == 8
    assert set(links) <= set(names.values())
