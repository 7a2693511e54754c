"""Catalogues that follow one another, for tests of updates."""

import yaml

from integrations.catalogue import load_catalogue, version_numbers
from integrations.models import CatalogueRelease
from portal.local.services import ROOT

OLDER = load_catalogue(ROOT / "catalogue.yaml").component("log-analysis").version
NEWER = f"{version_numbers(OLDER)[0]}.{version_numbers(OLDER)[1] + 1}.0"
ADDED = {
    "logs:DescribeDestinations": {"service": "logs", "operation": "describe_destinations", "parameters": {"limit": 1}},
    "cloudwatch:ListDashboards": {"service": "cloudwatch", "operation": "list_dashboards", "parameters": {}},
}


def with_newer_log_analysis() -> str:
    """Our own catalogue, in which the next version of log analysis asks for two more list actions."""
    document = yaml.safe_load((ROOT / "catalogue.yaml").read_text())
    document["version"] = f"9{document['version']}"
    [component] = [one for one in document["components"] if one["id"] == "log-analysis"]
    component["version"] = NEWER
    component["permissions"] += [
        {
            "action": action,
            "reason": "Lists what is there, so that what nobody looks at can be found.",
            "needed_for": "Things that nobody looks at",
            "sees_customer_data": False,
            "since": NEWER,
            "probe": probe,
        }
        for action, probe in ADDED.items()
    ]
    return yaml.safe_dump(document, sort_keys=False)


def release_older_log_analysis() -> str:
    """Keep a release in which log analysis, in the version that this gives, asked for one action less."""
    document = load_catalogue(ROOT / "catalogue.yaml").model_dump(mode="json")
    [component] = [one for one in document["components"] if one["id"] == "log-analysis"]
    component["version"] = "0.1.0"
    component["permissions"].pop()
    CatalogueRelease.objects.create(version="0.1.0", sha256="0" * 64, document=document)
    return "0.1.0"
