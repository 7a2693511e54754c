"""Catalogues that follow one another, for tests of updates."""

import yaml

from portal.local.services import ROOT

ADDED = {
    "logs:DescribeDestinations": {"service": "logs", "operation": "describe_destinations", "parameters": {"limit": 1}},
    "cloudwatch:ListDashboards": {"service": "cloudwatch", "operation": "list_dashboards", "parameters": {}},
}


def with_newer_log_analysis() -> str:
    """Our own catalogue, in which log analysis is at 1.1.0 and asks for two more list actions."""
    document = yaml.safe_load((ROOT / "catalogue.yaml").read_text())
    document["version"] = "1.1.0"
    [component] = [one for one in document["components"] if one["id"] == "log-analysis"]
    component["version"] = "1.1.0"
    component["permissions"] += [
        {
            "action": action,
            "reason": "Lists what is there, so that what nobody looks at can be found.",
            "needed_for": "Things that nobody looks at",
            "sees_customer_data": False,
            "since": "1.1.0",
            "probe": probe,
        }
        for action, probe in ADDED.items()
    ]
    return yaml.safe_dump(document, sort_keys=False)
