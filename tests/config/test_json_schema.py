"""The JSON Schema in ``schemas/`` is the one that the models make, and it agrees with them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import jsonschema
import pytest

from cbauth.config import json_schema
from cbauth.config.document import parse
from cbauth.errors import ConfigError
from tests.config.corpus import HERE, INVALID, VALID

SCHEMAS = HERE.parents[1] / "schemas"
FILES = {"2020-12": "profiles.schema.json", "draft-07": "profiles.draft-07.schema.json"}
VALIDATORS = {"2020-12": jsonschema.Draft202012Validator, "draft-07": jsonschema.Draft7Validator}
DRAFTS = sorted(FILES)

# Bad files whose mistake is in the shape, which is all that a JSON Schema can see.
SHAPE = {
    *("unknown-keys", "nulls", "wrong-kinds", "booleans-are-not-numbers", "out-of-range", "durations", "choices"),
    *("names", "empty-lists", "models", "oauth-client", "stores", "no-profiles", "empty-profiles", "version-2"),
    *("not-a-mapping", "secret-literal", "secret-references-incomplete", "ten-mistakes", "null-profiles"),
    "urls-with-a-fragment",
}


def accepts(draft: str, data: Any) -> bool:
    return VALIDATORS[draft](json_schema(draft)).is_valid(data)


@pytest.mark.parametrize("draft", DRAFTS)
def test_the_stored_schema_is_the_one_that_the_models_make(draft: str) -> None:
    """If this fails: ``cbauth schema --draft … > schemas/…``."""
    assert json.loads((SCHEMAS / FILES[draft]).read_text("utf-8")) == json_schema(draft)


@pytest.mark.parametrize("draft", DRAFTS)
def test_the_schema_is_one_of_its_draft(draft: str) -> None:
    schema = json_schema(draft)
    VALIDATORS[draft].check_schema(schema)
    assert schema["$schema"] == VALIDATORS[draft].META_SCHEMA["$schema"]


@pytest.mark.parametrize("draft", DRAFTS)
@pytest.mark.parametrize("path", VALID, ids=lambda path: path.stem)
def test_good_files_fit_it(draft: str, path: Any) -> None:
    assert accepts(draft, parse(path.read_bytes()).data)


@pytest.mark.parametrize("draft", DRAFTS)
@pytest.mark.parametrize("path", [path for path in INVALID if path.stem in SHAPE], ids=lambda path: path.stem)
def test_bad_files_of_the_wrong_shape_do_not(draft: str, path: Any) -> None:
    assert not accepts(draft, parse(path.read_bytes()).data)


@pytest.mark.parametrize("draft", DRAFTS)
def test_one_typo_in_the_whole_example_is_refused(draft: str) -> None:
    data = json.loads(json.dumps(parse((HERE / "valid" / "everything.yaml").read_bytes()).data))
    assert accepts(draft, data)
    data["profiles"]["openai-team"]["priorty"] = data["profiles"]["openai-team"].pop("priority")
    assert not accepts(draft, data)


def keys(schema: Any, path: str = "") -> Iterator[tuple[str, dict[str, Any]]]:
    """Every key that the schema describes, with its own schema."""
    if isinstance(schema, dict):
        for name, value in schema.get("properties", {}).items():
            yield f"{path}.{name}", value
        for name, value in schema.items():
            if name not in ("default", "examples"):
                yield from keys(value, f"{path}.{name}")


@pytest.mark.parametrize("draft", DRAFTS)
def test_every_key_has_a_description_and_an_example_that_fits(draft: str) -> None:
    schema = json_schema(draft)
    found = list(keys(schema))
    assert len(found) > 70
    definitions = {name: schema[name] for name in ("$defs", "definitions") if name in schema}
    for path, key in found:
        assert key["description"], path
        assert key["examples"], path
        for example in [*key["examples"], *([key["default"]] if "default" in key else [])]:
            VALIDATORS[draft]({**key, **definitions}).validate(example)


def test_the_defaults_are_those_of_the_plan() -> None:
    definitions = json_schema()["$defs"]
    assert definitions["BreakerKeys"]["properties"]["failure_threshold"]["default"] == 3
    assert definitions["RotationKeys"]["properties"]["sticky_ttl"]["default"] == "1h"
    assert definitions["CooldownKeys"]["properties"]["rate_limit"]["default"] == {
        "base": "30s",
        "factor": 2,
        "cap": "5m",
        "jitter": 0.1,
        "scope": "model",
    }
    assert definitions["RetryKeys"]["properties"]["backoff"]["default"]["initial"] == "500ms"
    assert definitions["OAuthKeys"]["properties"]["redirect_uri"]["default"] == "http://127.0.0.1/callback"
    assert definitions["StateKeys"]["properties"]["store"]["default"] == "sqlite"


def test_a_draft_that_there_is_not_is_one_clear_error() -> None:
    with pytest.raises(ConfigError, match="no JSON Schema for draft '2019-09': there are 2020-12 and draft-07"):
        json_schema("2019-09")
