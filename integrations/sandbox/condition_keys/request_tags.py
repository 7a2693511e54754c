"""`aws:RequestTag/…`, `aws:TagKeys` and the services' own forms of them: the tags that a call sets or removes."""

from typing import Any
from urllib.parse import parse_qsl

from integrations.sandbox.context import Keys, tag_keys
from integrations.sandbox.identities import Tags, as_tags
from integrations.sandbox.operations import Operation

_TAG_LISTS = {"tags", "taglist", "tagslist"}


def tags_of_request(operation: Operation, kind: str | None = None) -> Tags:
    """Give the tags that a call sets: on resources of one type, where the call says which tags are for which."""
    tags: Tags = {}
    for name, value in operation.params.items():
        lowered = name.lower()
        if lowered in _TAG_LISTS:
            tags.update(read_tags(value))
        elif lowered == "tagspecifications" and isinstance(value, list):
            for specification in value:
                if kind is None or (specification or {}).get("ResourceType", kind) == kind:
                    tags.update(read_tags((specification or {}).get("Tags")))
        elif lowered == "createbucketconfiguration" and isinstance(value, dict):
            tags.update(read_tags(value.get("Tags")))
    return tags


def keys_of_request_tags(operation: Operation, kind: str | None) -> Keys:
    """Give the keys that the tags of a call make."""
    if operation.service == "s3":
        objects = object_tags(operation)
        keys = tag_keys("s3:requestobjecttag", objects)
        if objects:
            keys["s3:requestobjecttagkeys"] = tuple(key for key, _ in objects.values())
        return {**keys, **keys_of_tags("s3", tags_of_request(operation))}
    removed = operation.params.get("TagKeys") or operation.params.get("tagKeys")
    return keys_of_tags(
        operation.prefix,
        tags_of_request(operation, kind),
        [str(key) for key in removed] if isinstance(removed, list) else [],
    )


def keys_of_tags(prefix: str, tags: Tags, removed: list[str] | None = None) -> Keys:
    """Give the keys for tags that are set, and for the keys of tags that are removed."""
    keys = tag_keys("aws:requesttag", tags)
    if prefix == "rds":
        keys.update(tag_keys("rds:req-tag", tags))
    if tags or removed:
        keys["aws:tagkeys"] = tuple([key for key, _ in tags.values()] + (removed or []))
    return keys


def object_tags(operation: Operation) -> Tags:
    """Give the tags that an S3 call sets on an object: in its body, or in the header of a write."""
    tagging = operation.params.get("Tagging")
    if isinstance(tagging, dict):
        return read_tags(tagging.get("TagSet"))
    if isinstance(tagging, str):
        return as_tags({"Key": key, "Value": value} for key, value in parse_qsl(tagging, keep_blank_values=True))
    return {}


def read_tags(value: Any) -> Tags:
    """Read tags in any of the shapes that AWS's services give them."""
    if isinstance(value, dict):
        return {str(key).lower(): (str(key), str(item)) for key, item in value.items()}
    pairs = []
    for item in value if isinstance(value, list) else []:
        if isinstance(item, dict):
            key = item.get("Key") or item.get("TagKey")
            if isinstance(key, str):
                pairs.append({"Key": key, "Value": str(item.get("Value", item.get("TagValue", "")) or "")})
    return as_tags(pairs)
