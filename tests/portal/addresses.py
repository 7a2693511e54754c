"""Every address of the URLconf."""

from collections.abc import Iterator

from django.urls import URLPattern, URLResolver, get_resolver


def walk(
    patterns: list[URLPattern | URLResolver], prefix: str = "", namespaces: tuple[str, ...] = ()
) -> Iterator[tuple[str, URLPattern, tuple[str, ...]]]:
    """Every address of a URLconf: its whole route, its pattern, and the namespaces it is in."""
    for pattern in patterns:
        route = prefix + str(pattern.pattern)
        if isinstance(pattern, URLResolver):
            inner = (*namespaces, pattern.namespace) if pattern.namespace else namespaces
            yield from walk(pattern.url_patterns, route, inner)
        else:
            yield route, pattern, namespaces


def addresses() -> list[tuple[str, URLPattern, tuple[str, ...]]]:
    return list(walk(get_resolver().url_patterns))
