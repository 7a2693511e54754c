"""The published JSON schema of the catalogue."""

import json
from pathlib import Path

import jsonschema  # type: ignore[import-untyped]  # no stubs are installed for it
import pytest
import yaml

from integrations.catalogue import catalogue_schema

ROOT = Path(__file__).resolve().parents[2]
PUBLISHED = ROOT / "docs" / "reference" / "catalogue.schema.json"


@pytest.fixture
def document():
    return yaml.safe_load((ROOT / "catalogue.yaml").read_text())


def test_the_published_schema_is_what_the_models_say():
    assert json.loads(PUBLISHED.read_text()) == catalogue_schema(), "python manage.py catalogue_schema --output " + str(
        PUBLISHED
    )


def test_the_schema_is_one_and_accepts_our_catalogue(document):
    jsonschema.Draft202012Validator.check_schema(catalogue_schema())

    jsonschema.validate(document, catalogue_schema())


@pytest.mark.parametrize(("field", "value"), [("version", "1"), ("chain", "none"), ("components", []), ("surprise", 1)])
def test_the_schema_refuses_what_the_loader_refuses(document, field, value):
    document[field] = value

    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(document, catalogue_schema())
