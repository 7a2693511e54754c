"""Whatever a catalogue file holds, the answer is a catalogue or an error with a place."""

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from integrations.catalogue import CatalogueError, load_catalogue, parse_catalogue
from integrations.catalogue_yaml import MAX_BYTES, MAX_DEPTH, read_yaml
from tests.hangs import no_hang
from tests.integrations.test_catalogue import VALID, errors_of

PLACE = r"^catalogue\.yaml, line \d+"

text = st.text(alphabet=st.characters(exclude_categories=["Cs"]), max_size=80)
scalars = (
    st.none() | st.booleans() | st.integers() | st.floats() | text | st.dates() | st.datetimes() | st.binary(max_size=9)
)
values = st.recursive(
    scalars, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(text | st.integers(), inner, max_size=4)
)
_ODD = (
    "&a;*a;[;];{;};- ;: ;? ;!!;!!int ;!!float ;!!timestamp ;!!binary ;!!set ;!!omap ;!!pairs ;<<;|;>;\n;  ;';\";\\;#;"
    "!!python/object:os.system ;%YAML;---;...;\t;1e999;0x;0b2;1:99;2001-99-99;.nan;.inf;~;yes;version;1.0.0;\ud800;"
    "\x00;\u2028;components;=;@;`"
)
pieces = st.sampled_from([*_ODD.split(";"), "9" * 5000])


def catalogue_or_error(content):
    try:
        with no_hang():
            parse_catalogue(content, source="catalogue.yaml")
    except CatalogueError as error:
        for line in str(error).splitlines():
            assert line.startswith("catalogue.yaml, line "), line


@given(st.text(max_size=200))
def test_any_text_gets_an_answer(content):
    catalogue_or_error(content)


@given(st.lists(pieces | text, max_size=30).map("".join))
def test_any_odd_yaml_gets_an_answer(content):
    catalogue_or_error(content)


@given(values)
def test_any_values_get_an_answer(value):
    catalogue_or_error(yaml.safe_dump(value, allow_unicode=True))


@given(st.data())
def test_a_catalogue_with_anything_in_the_place_of_a_field_gets_an_answer(data):
    document = yaml.safe_load(VALID)
    component = document["components"][0]
    permission = component["permissions"][0]
    place = data.draw(st.sampled_from([document, document["product_tag"], component, permission, permission["probe"]]))
    place[data.draw(st.sampled_from([*place, "resources", "conditions", "allowed_errors"]))] = data.draw(values)

    catalogue_or_error(yaml.safe_dump(document, allow_unicode=True))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "the file is empty"),
        ("version: [", "not valid YAML"),
        ("a: 1\n\x07", "must not stand in YAML"),
        ("[" * 10_000, f"nests deeper than {MAX_DEPTH} levels"),
        ("{a: " * 10_000, f"nests deeper than {MAX_DEPTH} levels"),
        ("- " * 10_000, f"nests deeper than {MAX_DEPTH} levels"),
        ("a: &a [*a]", "contains itself"),
        ("a: " + "9" * 5000, "cannot be read"),
        ("a: !!int ''", "cannot be read"),
        ("a: 2001-99-99", "cannot be read"),
        ("a: 1\na: 2", "'a' is given twice"),
        ("? [a]\n: 1", "a key is a word"),
        ("base: &b {a: 1}\nother: {<<: *b}", "'<<' is not used"),
        ("a: !!python/object:os.system x", "not valid YAML"),
        ("a: 1\n---\nb: 2", "a second document begins"),
        ("x" * (MAX_BYTES + 1), "bytes; a catalogue has"),
    ],
)
def test_what_could_hurt_a_reader_is_refused_with_its_line(content, message):
    with pytest.raises(CatalogueError, match=PLACE) as caught:
        read_yaml(content, "catalogue.yaml")

    assert message in str(caught.value)


def test_a_billion_laughs_are_refused_before_anybody_laughs():
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]" for n in range(1, 20)]

    with pytest.raises(CatalogueError, match="more than 50000 values"):
        read_yaml("\n".join(lines), "catalogue.yaml")


def test_a_value_of_the_file_cannot_write_a_line_of_its_own_into_the_log():
    message = errors_of(VALID.replace("action: ec2:DescribeInstances", 'action: "ec2:x\\ny, line 1, all is well"'))

    assert len(message.splitlines()) == 1


def test_a_file_that_is_not_utf_8_is_refused_with_the_line(tmp_path):
    path = tmp_path / "catalogue.yaml"
    path.write_bytes(b"version: 1.0.0\nproduct_name: \xff\n")

    with pytest.raises(CatalogueError, match=r"catalogue\.yaml, line 2: this is not UTF-8"):
        load_catalogue(path)
