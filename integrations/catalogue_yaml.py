"""YAML as the catalogue may use it: bounded, with no key given twice, and every error with its line.

PyYAML recurses, expands aliases without end, and lets numbers and dates that Python cannot hold escape as ValueError.
So the events are counted before a tree is made, and the tree before a value is.
"""

from collections.abc import Iterator
from typing import Any

import yaml
from yaml.constructor import SafeConstructor

# A component of 400 permissions fills about 100,000 bytes.
MAX_BYTES = 512 * 1024
MAX_DEPTH = 24
MAX_VALUES = 50_000  # with aliases written out


class CatalogueError(Exception):
    """The catalogue file cannot be used; the message names each field at fault and its line."""


def read_yaml(text: str, source: str) -> tuple[yaml.Node, Any]:
    """The tree of `text`, which knows lines, and its value; `source` names it in errors.

    Raises:
        CatalogueError: with the line.
    """
    if (size := len(text.encode("utf-8", "surrogatepass"))) > MAX_BYTES:
        raise CatalogueError(f"{source}, line 1: the file has {size} bytes; a catalogue has {MAX_BYTES} at most.")
    try:
        _measure_events(text, source)
        root = yaml.compose(text, Loader=yaml.SafeLoader)
        if root is None:
            raise CatalogueError(f"{source}, line 1: the file is empty. See docs/reference/catalogue.schema.json.")
        _measure_tree(root, source)
        _refuse_repeated_keys(root, source)
        return root, _Constructor().construct_document(root)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        problem = " ".join(part for part in (error.context, error.problem) if part)
        raise _at(mark, source, f"this is not valid YAML: {problem}.") from None
    except yaml.reader.ReaderError as error:
        line = text.count("\n", 0, error.position) + 1
        raise CatalogueError(
            f"{source}, line {line}: the character {error.character!r} must not stand in YAML. Remove it."
        ) from None


def line_of(root: yaml.Node, location: tuple[int | str, ...]) -> int:
    """The line of the deepest part of `location` that the file holds; of its parent where the field is missing."""
    node = root
    line = root.start_mark.line
    for step in location:
        if isinstance(node, yaml.MappingNode):
            found = next(((key, value) for key, value in node.value if key.value == step), None)
            if found is None:
                break
            line, node = found[0].start_mark.line, found[1]
        elif isinstance(node, yaml.SequenceNode) and isinstance(step, int) and step < len(node.value):
            node = node.value[step]
            line = node.start_mark.line
        else:
            break
    return int(line) + 1


class _Constructor(SafeConstructor):
    """Values of a tree; what Python cannot hold is an error with its line."""

    def construct_object(self, node: yaml.Node, deep: bool = False) -> Any:  # noqa: ARG002  PyYAML's signature
        try:
            return super().construct_object(node, deep=True)
        except yaml.YAMLError:
            raise
        except (ValueError, OverflowError, TypeError, AttributeError, LookupError, ArithmeticError):
            raise yaml.constructor.ConstructorError(
                None, None, "this value cannot be read; put it in quotes if it is a text", node.start_mark
            ) from None


def _at(mark: Any, source: str, message: str) -> CatalogueError:
    line = mark.line + 1 if mark is not None else 1
    return CatalogueError(f"{source}, line {line}: {message}")


def _measure_events(text: str, source: str) -> None:
    """Refuse what nests deeper than MAX_DEPTH, before anything recurses into it, and a second document."""
    depth = documents = 0
    for event in yaml.parse(text, Loader=yaml.SafeLoader):
        if isinstance(event, yaml.CollectionStartEvent):
            depth += 1
        elif isinstance(event, yaml.CollectionEndEvent):
            depth -= 1
        elif isinstance(event, yaml.DocumentStartEvent):
            documents += 1
        if depth > MAX_DEPTH:
            raise _at(event.start_mark, source, f"this nests deeper than {MAX_DEPTH} levels.")
        if documents > 1:
            raise _at(event.start_mark, source, "a second document begins; a catalogue is one.")


def _measure_tree(root: yaml.Node, source: str) -> None:
    """Refuse aliases that contain themselves, nest too deep, or write out to more than MAX_VALUES values."""
    sizes: dict[int, tuple[int, int]] = {}
    open_nodes: set[int] = set()

    def measure(node: yaml.Node) -> tuple[int, int]:
        """How many values the node writes out to, and how deep it nests."""
        if id(node) in sizes:
            return sizes[id(node)]
        if id(node) in open_nodes:
            raise _at(node.start_mark, source, "this contains itself by an alias.")
        open_nodes.add(id(node))
        measured = [measure(child) for child in _children(node)]
        open_nodes.discard(id(node))
        size = 1 + sum(values for values, _ in measured)
        depth = 1 + max((levels for _, levels in measured), default=0)
        if size > MAX_VALUES:
            raise _at(node.start_mark, source, f"with its aliases this has more than {MAX_VALUES} values.")
        if depth > MAX_DEPTH + 1:
            raise _at(node.start_mark, source, f"with its aliases this nests deeper than {MAX_DEPTH} levels.")
        sizes[id(node)] = size, depth
        return size, depth

    measure(root)


def _refuse_repeated_keys(root: yaml.Node, source: str) -> None:
    """PyYAML keeps the last of two equal keys in silence; a catalogue must not lose a line that way."""
    for node in _nodes(root, set()):
        if not isinstance(node, yaml.MappingNode):
            continue
        seen: set[str] = set()
        for key, _ in node.value:
            if not isinstance(key, yaml.ScalarNode):
                raise _at(key.start_mark, source, "a key is a word, not a list or a mapping.")
            if key.tag == "tag:yaml.org,2002:merge":
                raise _at(key.start_mark, source, "'<<' is not used in a catalogue; write the fields out.")
            if key.value in seen:
                raise _at(key.start_mark, source, f"'{key.value}' is given twice. Remove one of the two.")
            seen.add(key.value)


def _nodes(node: yaml.Node, seen: set[int]) -> Iterator[yaml.Node]:
    """Every node once, however many aliases lead to it."""
    if id(node) in seen:
        return
    seen.add(id(node))
    yield node
    for child in _children(node):
        yield from _nodes(child, seen)


def _children(node: yaml.Node) -> list[yaml.Node]:
    if isinstance(node, yaml.MappingNode):
        return [part for pair in node.value for part in pair]
    return list(node.value) if isinstance(node, yaml.SequenceNode) else []
