"""A document against a pydantic model: every way in which it does not fit, in plain words, at its line and column.

Rules of this file: no value of a file is quoted unless it was to be one of a few known words, for it may be a secret;
models are read as JSON, so that a strict model takes a list for a tuple and a text for a path, and nothing else.
"""

from __future__ import annotations

import json
import re
import types
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Literal, NamedTuple, TypeVar, Union, get_args, get_origin

from pydantic import AliasChoices, BaseModel, ValidationError
from pydantic.fields import FieldInfo
from pydantic_core import ErrorDetails

from sentinel.problems import Problem, did_you_mean
from sentinel.yamlfile import Document, Path, shorten
from sentinel.yamlscalar import kind

Model = TypeVar("Model", bound=BaseModel)


class Codes(NamedTuple):
    """The codes of a kind of file for the three ways not to fit."""

    unknown_key: str
    missing_key: str
    wrong_value: str


def validate(
    document: Document, model: type[Model], code: str | Codes, at: Path = ()
) -> tuple[Model | None, list[Problem]]:
    """The value at the path as the model, or every problem that keeps it from being one.

    One code stands for all of them where only one is given. Nothing at the path is read as an empty mapping.
    """
    value = _value_at(document.value, at)
    text = json.dumps({} if value is None else value)
    try:
        return model.model_validate_json(text), []
    except ValidationError as refused:
        errors = refused.errors(include_url=False)
    codes = code if isinstance(code, Codes) else Codes(code, code, code)
    return None, sorted(_problems(document, model, codes, at, errors), key=lambda problem: problem.span)


def json_schema(model: type[BaseModel]) -> dict[str, Any]:
    """The model as JSON Schema (draft 2020-12), for editors."""
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **model.model_json_schema()}


def _value_at(value: Any, path: Path) -> Any:
    for step in path:
        value = value[step]
    return value


@dataclass(frozen=True, slots=True)
class _Mistake:
    """`wanted` is set where a value is of the wrong kind, `message` and `hint` for everything else."""

    path: Path
    code: str
    message: str = ""
    hint: str = ""
    wanted: str = ""
    on_key: bool = False


def _problems(
    document: Document, model: type[BaseModel], codes: Codes, at: Path, errors: Iterable[ErrorDetails]
) -> Iterator[Problem]:
    value = _value_at(document.value, at)
    mistakes = list(dict.fromkeys(_mistake(error, model, value, codes) for error in errors if _is_true(error, value)))
    deepest = {mistake.path[:length] for mistake in mistakes for length in range(len(mistake.path))}
    deepest |= {mistake.path for mistake in mistakes if not mistake.wanted}
    kinds: dict[Path, list[str]] = {}
    for mistake in mistakes:
        if mistake.wanted and mistake.path not in deepest:
            kinds.setdefault(mistake.path, []).append(mistake.wanted)
        elif not mistake.wanted:
            place = (*at, *mistake.path)
            span = document.key_span(place) if mistake.on_key else document.span(place)
            yield Problem(span, mistake.code, mistake.message, mistake.hint)
    for path, wanted in kinds.items():
        found = _value_at(value, path)
        is_found = "is empty" if found is None else f"is {kind(found)}"
        message = f"{_called((*at, *path))} {is_found}, but must be {' or '.join(dict.fromkeys(wanted))}"
        yield Problem(document.span((*at, *path)), codes.wrong_value, message)


def _called(path: Path) -> str:
    """What people call the value at the path."""
    if not path:
        return "the document"
    last = path[-1]
    if isinstance(last, str):
        return f"'{shorten(last)}'"
    name = next((step for step in reversed(path) if isinstance(step, str)), None)
    return f"entry {last + 1} of '{shorten(name)}'" if name else f"entry {last + 1}"


WANTED: dict[str, str] = {
    "string_type": "text",
    "int_type": "a whole number",
    "int_parsing": "a whole number",
    "int_from_float": "a whole number",
    "float_type": "a number",
    "float_parsing": "a number",
    "bool_type": "true or false",
    "bool_parsing": "true or false",
    "list_type": "a list",
    "tuple_type": "a list",
    "set_type": "a list",
    "frozen_set_type": "a list",
    "dict_type": "a mapping",
    "mapping_type": "a mapping",
    "model_type": "a mapping",
    "model_attributes_type": "a mapping",
    "none_required": "empty",
}
"""Pydantic's errors of a wrong kind of value, and our word for the right kind."""

LIMITS: dict[str, tuple[str, str]] = {
    "greater_than_equal": ("must be at least", "ge"),
    "greater_than": ("must be more than", "gt"),
    "less_than_equal": ("must be at most", "le"),
    "less_than": ("must be less than", "lt"),
    "string_too_short": ("is too short: characters needed:", "min_length"),
    "string_too_long": ("is too long: characters allowed:", "max_length"),
    "too_short": ("has too few entries: needed:", "min_length"),
    "too_long": ("has too many entries: allowed:", "max_length"),
}


def _is_true(error: ErrorDetails, value: Any) -> bool:
    """Pydantic calls a list too short when it could not read its entries; those are mistakes of their own."""
    if error["type"] != "too_short":
        return True
    path = _document_path(error["loc"], value, is_missing=False)
    return bool(len(_value_at(value, path)) < error.get("ctx", {}).get("min_length", 0))


def _mistake(error: ErrorDetails, model: type[BaseModel], value: Any, codes: Codes) -> _Mistake:
    given, context = error["type"], error.get("ctx", {})
    path = _document_path(error["loc"], value, is_missing=given == "missing")
    if given in WANTED:
        return _Mistake(path, codes.wrong_value, wanted=WANTED[given])
    if given == "missing":
        return _Mistake(path, codes.missing_key, f"{_called(path)} is missing", on_key=True)
    if given == "extra_forbidden":
        hint = did_you_mean(str(path[-1]), _known_keys(model, path[:-1], value))
        return _Mistake(path, codes.unknown_key, f"unknown key {_called(path)}", hint, on_key=True)
    if given in {"literal_error", "enum"}:
        return _word(path, codes, _value_at(value, path), str(context.get("expected", "")))
    if given.startswith("union_tag_"):
        tag = str(context.get("discriminator", "")).strip("'")
        if given == "union_tag_not_found":
            hint = f"write '{tag}:' to say which kind it is"
            return _Mistake((*path, tag), codes.missing_key, f"'{tag}' is missing", hint, on_key=True)
        return _word((*path, tag), codes, context.get("tag"), str(context.get("expected_tags", "")))
    if given in LIMITS:
        words, limit = LIMITS[given]
        return _Mistake(path, codes.wrong_value, f"{_called(path)} {words} {context.get(limit)}")
    if given == "string_pattern_mismatch":
        hint = f"it must match {context.get('pattern')}"
        return _Mistake(path, codes.wrong_value, f"{_called(path)} has a form that is not allowed", hint)
    return _said(error, path, codes)


def _word(path: Path, codes: Codes, found: Any, expected: str) -> _Mistake:
    """A value that is none of a few known words."""
    words = re.findall(r"'([^']*)'", expected)
    if not isinstance(found, str):
        return _Mistake(path, codes.wrong_value, wanted=" or ".join(f"'{word}'" for word in words))
    message = f"{_called(path)} cannot be '{shorten(found)}'"
    return _Mistake(path, codes.wrong_value, message, did_you_mean(found, words))


def _said(error: ErrorDetails, path: Path, codes: Codes) -> _Mistake:
    """What a validator of the model itself says; its context may have a `hint`."""
    context = error.get("ctx", {})
    message = str(context["error"]) if error["type"] == "value_error" else error["msg"]
    if message.startswith("Input should be"):
        message = message.replace("Input should be", f"{_called(path)} must be", 1)
    return _Mistake(path, codes.wrong_value, message.rstrip("."), str(context.get("hint", "")))


def _document_path(location: Path, value: Any, *, is_missing: bool) -> Path:
    """Pydantic's location without the names of union members in it."""
    path: list[str | int] = []
    for number, step in enumerate(location):
        if _has(value, step):
            path.append(step)
            value = value[step]
        elif is_missing and number == len(location) - 1:
            path.append(step)
    return tuple(path)


def _has(value: Any, step: int | str) -> bool:
    if isinstance(value, list):
        return isinstance(step, int) and step < len(value)
    return isinstance(value, dict) and step in value


def _known_keys(model: type[BaseModel], path: Path, value: Any) -> set[str]:
    """The keys that the model allows in the mapping at the path."""
    candidates = [*_alternatives(model)]
    for step in path:
        candidates = [below for each in _fitting(candidates, value) for below in _below(each, step)]
        value = value[step]
    return {
        key
        for each in _fitting(candidates, value)
        if _is_model(each)
        for name, field in each.model_fields.items()
        for key in _names(name, field)
    }


def _is_model(annotation: Any) -> bool:
    return isinstance(annotation, type) and issubclass(annotation, BaseModel)


def _alternatives(annotation: Any) -> Iterator[Any]:
    origin = get_origin(annotation)
    if origin is Annotated:
        yield from _alternatives(get_args(annotation)[0])
    elif origin in (Union, types.UnionType):
        for each in get_args(annotation):
            yield from _alternatives(each)
    else:
        yield annotation


def _fitting(candidates: list[Any], value: Any) -> list[Any]:
    """The alternatives that the value's own words (such as its `type`) do not rule out; all where none is left."""

    def contradicts(model: Any) -> bool:
        return any(
            get_origin(field.annotation) is Literal and key in value and value[key] not in get_args(field.annotation)
            for name, field in model.model_fields.items()
            for key in _names(name, field)
        )

    if not isinstance(value, dict):
        return candidates
    fitting = [each for each in candidates if not (_is_model(each) and contradicts(each))]
    return fitting or candidates


def _below(annotation: Any, step: str | int) -> Iterator[Any]:
    if _is_model(annotation):
        for name, field in annotation.model_fields.items():
            if step in _names(name, field):
                yield from _alternatives(field.annotation)
        return
    origin, inner = get_origin(annotation), get_args(annotation)
    if inner and isinstance(origin, type):
        yield from _alternatives(inner[1] if issubclass(origin, Mapping) and len(inner) == 2 else inner[0])


def _names(name: str, field: FieldInfo) -> list[str]:
    """The keys by which a file gives the field."""
    alias = field.validation_alias
    if isinstance(alias, AliasChoices):
        return [choice for choice in alias.choices if isinstance(choice, str)] or [name]
    return [alias] if isinstance(alias, str) else [name]
