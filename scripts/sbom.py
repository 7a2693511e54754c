"""`make sbom`: what an installation is made of, in CycloneDX, from the locked list and what packages say themselves.

The list is requirements.txt with its hashes, so nothing is asked of the network; what is installed here adds licences.
"""

import re
import sys
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path

from cyclonedx.contrib.license.factories import LicenseFactory
from cyclonedx.model import HashAlgorithm, HashType
from cyclonedx.model.bom import Bom
from cyclonedx.model.component import Component, ComponentType
from cyclonedx.output.json import JsonV1Dot6
from packageurl import PackageURL

ROOT = Path(__file__).resolve().parent.parent
_ENTRY = re.compile(r"^([A-Za-z0-9._-]+)==(\S+)((?:.*\\\n)+.*)", re.MULTILINE)


def bom() -> Bom:
    """The bill of materials of requirements.txt."""
    made, licences = Bom(), LicenseFactory()
    made.metadata.component = Component(name="rolebridge", version="0.1.0", type=ComponentType.APPLICATION)
    for name, version, rest in _ENTRY.findall((ROOT / "requirements.txt").read_text()):
        component = Component(
            name=name,
            version=version,
            type=ComponentType.LIBRARY,
            purl=PackageURL("pypi", name=name.lower(), version=version),
            hashes=[HashType(alg=HashAlgorithm.SHA_256, content=one) for one in re.findall(r"sha256:(\w{64})", rest)],
        )
        if text := _licence(name, version):
            component.licenses.add(licences.make_from_string(text))
        made.components.add(component)
        made.register_dependency(made.metadata.component, [component])
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
