"""How keys are declared: a class for each mapping, an annotation and a description for each key.

pydantic's core checks them. pydantic itself is needed for the JSON Schema alone, and gets models that are made from the
same classes: importing it and building those takes longer than all else that checking a file needs.

Laws:

1. A class is made ready with the first mapping that it has to check; what a file does not have costs nothing.
2. Nothing is converted but by a ``Grammar``: a number is not a text, text is not a number.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cache
from types import UnionType
from typing import (
    TYPE_CHECKING,
    Annotated,
    Any,
    ClassVar,
    Literal,
    NamedTuple,
    Self,
    Union,
    get_args,
    get_origin,
    get_type_hints,
)

from pydantic_core import CoreConfig, CoreSchema, SchemaValidator
from pydantic_core.core_schema import (
    bool_schema,
    dict_schema,
    float_schema,
    int_schema,
    list_schema,
    literal_schema,
    no_info_plain_validator_function,
    nullable_schema,
    str_schema,
    typed_dict_field,
    typed_dict_schema,
)

from cbauth.config.privacy import is_free

if TYPE_CHECKING:
    from pydantic import BaseModel, GetCoreSchemaHandler

__all__ = ["Grammar", "Key", "Keys", "Limits", "key", "needed"]

_CONFIG = CoreConfig(strict=True, extra_fields_behavior="forbid", allow_inf_nan=False, hide_input_in_errors=True)


class Grammar:
    """What may be written for a value: its parser, and the JSON Schema that says the same as far as it can."""

    __slots__ = ("json_schema", "parse")

    def __init__(self, parse: Callable[[Any], Any], json_schema: Mapping[str, object]) -> None:
        self.parse = parse
        self.json_schema = json_schema

    def __get_pydantic_core_schema__(self, source: Any, handler: Callable[[Any], CoreSchema]) -> CoreSchema:
        return no_info_plain_validator_function(self.parse)

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: object) -> dict[str, object]:
        return dict(self.json_schema)


class Limits:
    """Between which bounds a number lies, or how many entries a list or mapping has at least."""

    __slots__ = ("bounds",)

    def __init__(self, **bounds: float) -> None:
        self.bounds = bounds

    def __get_pydantic_core_schema__(self, source: Any, handler: Callable[[Any], CoreSchema]) -> CoreSchema:
        return {**handler(source), **self.bounds}


class Key(NamedTuple):
    """A key that may be given, or has to be."""

    description: str
    examples: tuple[Any, ...]
    needed: bool


def key(description: str, *examples: Any) -> Any:
    """A key that may be left out, and is ``None`` then."""
    return Key(description, examples, needed=False)


def needed(description: str, *examples: Any) -> Any:
    """A key that has to be given."""
    return Key(description, examples, needed=True)


class Keys:
    """A mapping with fixed keys. Keys that begin with ``x-`` are free and not looked at."""

    model_fields: ClassVar[Mapping[str, Key]] = {}

    def __init_subclass__(cls) -> None:
        cls.model_fields = {name: value for name, value in vars(cls).items() if isinstance(value, Key)}
        for name in cls.model_fields:
            setattr(cls, name, None)

    def __init__(self, written: dict[str, Any]) -> None:
        self.__dict__ = written

    @classmethod
    @cache
    def hints(cls) -> Mapping[str, Any]:
        """What each key takes."""
        found = get_type_hints(cls, include_extras=True)
        return {name: found[name] for name in cls.model_fields}

    @classmethod
    @cache
    def _validator(cls) -> SchemaValidator:
        fields = {
            name: typed_dict_field(_schema(hint), required=cls.model_fields[name].needed)
            for name, hint in cls.hints().items()
        }
        return SchemaValidator(typed_dict_schema(fields, config=_CONFIG))

    @classmethod
    def validate(cls, data: Any) -> Self:
        """The mapping ``data``, checked. Raises a ``ValidationError`` with all that is wrong with it."""
        if type(data) is dict and not data.keys() <= cls.model_fields.keys():
            data = {name: value for name, value in data.items() if not is_free(name)}
        return cls(cls._validator().validate_python(data))

    @classmethod
    @cache
    def model(cls) -> type[BaseModel]:
        """The same mapping as a model of pydantic's, which knows no free keys."""
        from pydantic import ConfigDict, Field, create_model

        hints = cls.hints()
        fields: dict[str, Any] = {
            name: (
                hints[name],
                Field(... if key.needed else None, description=key.description, examples=list(key.examples)),
            )
            for name, key in cls.model_fields.items()
        }
        config = ConfigDict(strict=True, extra="forbid", frozen=True, defer_build=True)
        return create_model(cls.__name__, __config__=config, __doc__=cls.__doc__, **fields)

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return handler.generate_schema(cls.model())

    def given(self) -> dict[str, Any]:
        """The keys that were given, as plain data, mappings within mappings."""
        return {
            name: value.given() if isinstance(value, Keys) else value
            for name, value in vars(self).items()
            if value is not None
        }


_PLAIN: Mapping[Any, Callable[[], CoreSchema]] = {
    bool: bool_schema,
    float: float_schema,
    int: int_schema,
    str: str_schema,
}


def _schema(hint: Any) -> CoreSchema:
    """What pydantic's core checks where ``hint`` is declared."""
    if isinstance(hint, type) and issubclass(hint, Keys):
        return no_info_plain_validator_function(hint.validate)
    origin, parts = get_origin(hint), get_args(hint)
    if origin is Annotated:
        rule: Grammar | Limits = parts[1]
        return rule.__get_pydantic_core_schema__(parts[0], _schema)
    if origin is Union or origin is UnionType:
        return nullable_schema(_schema(parts[0]))
    if origin is Literal:
        return literal_schema(list(parts))
    if origin is list:
        return list_schema(_schema(parts[0]))
    if origin is dict:
        return dict_schema(_schema(parts[0]), _schema(parts[1]))
    return _PLAIN[hint]()
