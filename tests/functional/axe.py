"""What axe-core has to say against a page as it stands: WCAG 2.2 AA, in light and in dark."""

from pathlib import Path
from typing import Literal

from playwright.sync_api import Page

_AXE = (Path(__file__).parent / "vendor" / "axe.min.js").read_text()
_ALL = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
_OF_COLOURS = ["color-contrast"]  # all that the scheme of colours changes
_SCHEMES: tuple[tuple[Literal["light", "dark"], list[str]], ...] = (("light", _ALL), ("dark", _OF_COLOURS))


def violations(page: Page, within: str = "html") -> list[str]:
    """What axe finds on the page as it stands, or in a part of it. Its scripts must be allowed; it is left in light."""
    page.evaluate(_AXE)
    found = []
    for scheme, rules in _SCHEMES:
        # A colour that is still on its way to the other scheme would be judged as it is then.
        page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
        result = page.evaluate("([within, rules]) => axe.run(within, {runOnly: rules})", [within, rules])
        found += [
            f"{page.url} ({scheme}) {violation['id']}: {violation['help']} "
            f"{[node['target'] for node in violation['nodes']]}"
            for violation in result["violations"]
        ]
    page.emulate_media(color_scheme="light", reduced_motion="no-preference")
    return found
