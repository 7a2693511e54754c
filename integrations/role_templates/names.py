"""Names of customer roles: known before a role exists, so that no ARN is ever typed."""


def role_name(connection_reference: str, component: str) -> str:
    """The customer role of one component of one connection, such as `rolebridge-k3f9x2ab7q-log-analysis`.

    AWS allows 64 characters; a reference has 10 and a component id at most 40 (checked when the catalogue loads).
    """
    return f"rolebridge-{connection_reference}-{component}"
