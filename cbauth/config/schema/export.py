"""The JSON Schema of profiles.yaml, made from the models, for editors and for other programs.

Draft 2020-12, and draft-07 for editors that know no later one. The defaults come from the plan's own values, so that no
default is written twice.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import fields
from typing import Any, get_args

from cbauth.config.providers import builtin_providers
from cbauth.config.schema import models
from cbauth.config.schema.keys import Keys
from cbauth.config.schema.types import Duration, duration_text
from cbauth.errors import ConfigError
from cbauth.plan import DEFAULT_POLICY, OAuthClient, Plan, Profile

__all__ = ["DRAFTS", "json_schema"]

DRAFTS: Mapping[str, str] = {
    "2020-12": "https://json-schema.org/draft/2020-12/schema",
    "draft-07": "http://json-schema.org/draft-07/schema#",
}
IDS: Mapping[str, str] = {"2020-12": "profiles.schema.json", "draft-07": "profiles.draft-07.schema.json"}


def json_schema(draft: str = "2020-12") -> dict[str, Any]:
    """The schema as plain data. Raises ``ConfigError`` for a ``draft`` that is no key of ``DRAFTS``."""
    if draft not in DRAFTS:
        raise ConfigError(f"there is no JSON Schema for draft {draft!r}: there are {' and '.join(DRAFTS)}")
    schema = models.File.model().model_json_schema()
    _defaults(schema)
    schema = _tidy(schema)
    for name, definition in schema["$defs"].items():
        definition["title"] = _title(name)
    if draft == "draft-07":
        schema = _draft_07(schema)
    schema.pop("description", None)
    return {
        "$schema": DRAFTS[draft],
        "$id": f"urn:cbauth:{IDS[draft]}",
        "title": "cbauth profiles.yaml, version 1",
        "description": "AI providers, credentials and failover policy.",
        **schema,
    }


def _title(name: str) -> str:
    """What editors call a part of the file: ``retry backoff`` for ``RetryBackoffKeys``."""
    return re.sub(r"(?<=[a-z])(?=[A-Z])", " ", name.removesuffix("Keys")).lower().replace("oauth", "OAuth")


def _defaults(schema: dict[str, Any]) -> None:
    """Write the plan's defaults into the schema, and the built-in providers for editors to offer."""
    for model, values in _known_defaults().items():
        properties = _definition(schema, model)["properties"]
        for key, value in values.items():
            properties[key]["default"] = value
    _definition(schema, models.ProfileKeys)["properties"]["provider"]["examples"] = list(builtin_providers())


def _known_defaults() -> dict[type[Keys], dict[str, Any]]:
    policy = DEFAULT_POLICY
    plan, profile, client = _of_class(Plan), _of_class(Profile), OAuthClient()
    cooldown = policy.cooldown
    backoff = _written(models.RetryBackoffKeys, policy.retry.backoff, {"initial": "base"})
    return {
        models.RotationKeys: _written(models.RotationKeys, policy.rotation),
        models.BreakerKeys: _written(models.BreakerKeys, policy.breaker),
        models.CooldownKeys: {
            "preset": cooldown.preset,
            "retry_after_cap": duration_text(cooldown.retry_after_cap),
            **{
                name: _written(models.LadderKeys, getattr(cooldown, name))
                for name in ("rate_limit", "billing", "auth", "transient")
            },
        },
        models.RetryBackoffKeys: backoff,
        models.RetryKeys: {**_written(models.RetryKeys, policy.retry), "backoff": backoff},
        models.ProfileKeys: {key: profile[key] for key in ("priority", "weight", "enabled")},
        models.OAuthKeys: {
            "redirect_uri": client.redirect_uris[0],
            "refresh_before": duration_text(client.refresh_before),
        },
        models.StateKeys: {"store": plan["store"]},
        models.CredentialsKeys: {"store": plan["credentials"]},
    }


def _of_class(cls: type[Any]) -> dict[str, Any]:
    return {item.name: item.default for item in fields(cls)}


def _written(model: type[Keys], value: Any, names: Mapping[str, str] | None = None) -> dict[str, Any]:
    """The policy ``value`` in the words of ``model``: durations as text, whole numbers without a fraction."""
    written: dict[str, Any] = {}
    for key, hint in model.hints().items():
        held = getattr(value, (names or {}).get(key, key), None)
        if isinstance(held, float):
            held = duration_text(held) if _is_duration(hint) else _plain_number(held)
        if isinstance(held, bool | int | float | str):
            written[key] = held
    return written


def _is_duration(annotation: Any) -> bool:
    return Duration in get_args(annotation)


def _plain_number(value: float) -> int | float:
    return int(value) if value.is_integer() else value


def _definition(schema: dict[str, Any], model: type[Keys]) -> dict[str, Any]:
    definition: dict[str, Any] = schema["$defs"][model.__name__]
    return definition


def _tidy(node: Any) -> Any:
    """Without pydantic's titles and nulls; names closed where only named keys are allowed; ``x-…`` keys free."""
    if isinstance(node, list):
        return [_tidy(item) for item in node]
    if not isinstance(node, dict):
        return node
    node = dict(node)
    if isinstance(node.get("title"), str):
        del node["title"]
    if "default" in node and node["default"] is None:
        del node["default"]
    choices = node.get("anyOf")
    if isinstance(choices, list):
        choices = [choice for choice in choices if choice != {"type": "null"}]
        if len(choices) == 1:
            del node["anyOf"]
            node = {**choices[0], **node}
        else:
            node["anyOf"] = choices
    if node.get("additionalProperties") is False and "properties" in node:
        node["patternProperties"] = {"^x-": {"description": "Free for your own use."}}
    elif "patternProperties" in node:
        node["additionalProperties"] = False
    literal = ("default", "examples", "enum", "const")
    return {
        key: value if key in literal else _tidy_properties(value) if key == "properties" else _tidy(value)
        for key, value in node.items()
    }


def _tidy_properties(properties: dict[str, Any]) -> dict[str, Any]:
    """A mapping of names to schemas, whose names mean nothing here."""
    return {name: _tidy(schema) for name, schema in properties.items()}


def _draft_07(node: Any) -> Any:
    """Draft-07 calls ``$defs`` ``definitions`` and ignores whatever stands beside a ``$ref``."""
    if isinstance(node, list):
        return [_draft_07(item) for item in node]
    if not isinstance(node, dict):
        return node
    out = {("definitions" if key == "$defs" else key): _draft_07(value) for key, value in node.items()}
    if isinstance(out.get("$ref"), str):
        reference = out.pop("$ref").replace("#/$defs/", "#/definitions/")
        return {**out, "allOf": [{"$ref": reference}]} if out else {"$ref": reference}
    return out
