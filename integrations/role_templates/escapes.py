"""JSON's quoted texts, for languages that quote as JSON does but for one thing. Pure."""

import re


def beyond_the_basic_plane(quoted: str) -> str:
    """JSON with each pair of surrogates, which YAML and HCL do not know, as one `\\U` escape, which both do."""
    return re.sub(r"\\ud([89ab][0-9a-f]{2})\\ud([c-f][0-9a-f]{2})", _one_escape, quoted)


def _one_escape(match: re.Match[str]) -> str:
    high, low = int("d" + match[1], 16), int("d" + match[2], 16)
    return f"\\U{0x10000 + ((high - 0xD800) << 10) + (low - 0xDC00):08x}"
