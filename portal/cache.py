"""The cache. Nothing is unpickled from it that we have not written: who can write to it, but has no SECRET_KEY, has
nothing run in our processes.
"""

import hmac
from typing import Any

from django.conf import settings
from django.core.cache.backends.redis import RedisCache, RedisCacheClient, RedisSerializer
from django.core.signing import BadSignature
from django.utils.crypto import salted_hmac

_SIGNATURE_BYTES = 32


class SignedSerializer(RedisSerializer):
    """Django's, with a signature before each pickle. Whole numbers stand as they are, so that the server can count."""

    def dumps(self, obj: Any) -> Any:
        """What is written: a number or bytes."""
        written: Any = super().dumps(obj)
        return written if isinstance(written, int) else _signature(written, settings.SECRET_KEY) + written

    def loads(self, data: Any) -> Any:
        """What the bytes were written for, also with one of SECRET_KEY_FALLBACKS.

        Raises:
            BadSignature: somebody else wrote it.
        """
        if len(data) < _SIGNATURE_BYTES and data.removeprefix(b"-").isdigit():
            return int(data)
        signature, pickled = data[:_SIGNATURE_BYTES], data[_SIGNATURE_BYTES:]
        keys = (settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS)
        if not any(hmac.compare_digest(signature, _signature(pickled, key)) for key in keys):
            raise BadSignature("The cache holds what we have not written.")
        return super().loads(pickled)


class _Client(RedisCacheClient):
    def __init__(self, servers: list[str], **options: Any) -> None:
        super().__init__(servers, SignedSerializer, **options)

    def get(self, key: Any, default: Any) -> Any:
        try:
            return super().get(key, default)
        except BadSignature:
            return default

    def get_many(self, keys: Any) -> dict[Any, Any]:
        missing = object()
        found = {key: self.get(key, missing) for key in keys}
        return {key: value for key, value in found.items() if value is not missing}


class SignedRedisCache(RedisCache):
    """Django's cache in Redis or Valkey, signed; what others wrote is not there."""

    def __init__(self, server: str, params: dict[str, Any]) -> None:
        super().__init__(server, params)
        self._class = _Client


def _signature(pickled: bytes, key: str) -> bytes:
    return salted_hmac("rolebridge.cache", pickled, secret=key, algorithm="sha256").digest()
