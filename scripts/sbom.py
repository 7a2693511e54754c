"""`make sbom`: what an installation is made of, in CycloneDX, from the locked list and what packages say themselves.

The list is requirements.txt with its hashes, so nothing is asked of the network; what is installed here adds licences.
What is served from a copy in the repository is told by the README of its folder in static/vendor. What a package has
inside, such as the scripts of Django admin, is part of that package.
"""

import hashlib
import re
import sys
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path

from cyclonedx.contrib.license.factories import LicenseFactory
from cyclonedx.model import HashAlgorithm, HashType
from cyclonedx.model.bom import Bom
from cyclonedx.model.component import Component, ComponentType
from cyclonedx.output.json import JsonV1Dot6
from packageurl import PackageURL

ROOT = Path(__file__).resolve().parent.parent
VENDORED = ROOT / "static" / "vendor"
_ENTRY = re.compile(r"^([A-Za-z0-9._-]+)==(\S+)((?:.*\\\n)+.*)", re.MULTILINE)
# As static/vendor/htmx/README.md begins: its name, its version, where it is from, and its licence in SPDX's words.
_ORIGIN = re.compile(r"^\S+ (\d\S*) .*? npm package `([^`]+)`.*?Licence: .*?\(`([^`]+)`\)", re.DOTALL)


def bom() -> Bom:
    """The bill of materials of requirements.txt and static/vendor."""
    made = Bom()
    made.metadata.component = Component(name="rolebridge", version="0.1.0", type=ComponentType.APPLICATION)
    for component in (*_packages(), *_vendored()):
        made.components.add(component)
        made.register_dependency(made.metadata.component, [component])
    return made


def _packages() -> Iterator[Component]:
    """What pip installs, with the hash of each file that it would take."""
    for name, version, rest in _ENTRY.findall((ROOT / "requirements.txt").read_text()):
        purl = PackageURL("pypi", name=name.lower(), version=version)
        yield _component(name, purl, _licence(name, version), re.findall(r"sha256:(\w{64})", rest))


def _vendored() -> Iterator[Component]:
    """What is served from a copy, with the hash of each of its scripts and style sheets."""
    for folder in sorted(path for path in VENDORED.iterdir() if path.is_dir()):
        origin = _ORIGIN.match((folder / "README.md").read_text())
        if origin is None:
            raise SystemExit(f"{folder.relative_to(ROOT)}/README.md does not begin as the one of htmx does.")
        version, package, licence = origin.groups()
        files = sorted(path for path in folder.rglob("*") if path.suffix in {".js", ".css"})
        hashes = [hashlib.sha256(path.read_bytes()).hexdigest() for path in files]
        yield _component(folder.name, PackageURL("npm", name=package, version=version), licence, hashes)


def _component(name: str, purl: PackageURL, licence: str, hashes: list[str]) -> Component:
    made = Component(
        name=name,
        version=purl.version,
        type=ComponentType.LIBRARY,
        purl=purl,
        hashes=[HashType(alg=HashAlgorithm.SHA_256, content=one) for one in hashes],
    )
    if licence:
        made.licenses.add(LicenseFactory().make_from_string(licence))
    return made


def _licence(name: str, version: str) -> str:
    """What the installed package says, one line; empty where another version, or none, is installed."""
    try:
        found = distribution(name)
    except PackageNotFoundError:
        return ""
    if found.version != version:
        return ""
    said = found.metadata.json  # its keys are names of headers in small letters
    text = str(said.get("license_expression") or said.get("license") or "")
    return text.splitlines()[0][:200] if text else ""


if __name__ == "__main__":
    sys.stdout.write(JsonV1Dot6(bom()).output_as_string(indent=2) + "\n")
