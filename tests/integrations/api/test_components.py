"""The catalogue through the API."""

from integrations.catalogue_file import catalogue


def test_every_component_is_listed_with_each_permission_and_its_reason(api, cast) -> None:
    shown = api(cast.viewer, cast.tenant).get("/api/v1/components/").json()

    assert [component["id"] for component in shown] == [component.id for component in catalogue().components]
    for component, known in zip(shown, catalogue().components, strict=True):
        assert (component["version"], component["name"], component["summary"]) == (
            known.version,
            known.name,
            known.summary,
        )
        assert component["permissions"] == [
            {
                "action": permission.action,
                "reason": permission.reason,
                "needed_for": known.what_stops_without(permission),
                "sees_customer_data": permission.sees_customer_data,
            }
            for permission in known.permissions
        ]
