"""Buckets as authorisation sees them: whose they are, and their policies, read from moto's state."""

from typing import Any

from integrations.sandbox.policy import Policy, PolicyKind, readable_policy


def bucket_owner(bucket: str) -> str | None:
    """Give the account that a bucket belongs to."""
    from moto.s3.models import s3_backends

    owner = s3_backends.bucket_accounts.get(bucket)
    return str(owner[1]) if owner else None


def bucket_of(resource: str) -> str | None:
    """Give the bucket that a resource is, or is in."""
    parts = resource.split(":", 5)
    return parts[5].split("/", 1)[0] if len(parts) == 6 and parts[2] == "s3" else None


def bucket_policy(bucket: str) -> Policy | None:
    """Give a bucket's policy."""
    found = _bucket(bucket)
    text = found.policy if found is not None else None
    return readable_policy(PolicyKind.RESOURCE, text.decode(), name="bucket policy") if text else None


def _bucket(name: str) -> Any | None:
    from moto.s3.models import s3_backends

    owner = s3_backends.bucket_accounts.get(name)
    return s3_backends[owner[1]][owner[0]].buckets.get(name) if owner else None
