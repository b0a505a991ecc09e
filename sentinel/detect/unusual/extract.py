"""Fields that a rule makes of others by a regular expression, for what follows a match: group, counted field, key."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Literal

from pydantic import AliasChoices, Field, field_validator

from sentinel.detect.fields import getter_of, members, text
from sentinel.detect.part import Part
from sentinel.detect.regex import RegexError, compiled
from sentinel.model import Event


class ExtractPart(Part):
    """Where the field comes from: the group `value` of the pattern, else its first, else all that it finds."""

    source: str = Field(min_length=1, validation_alias=AliasChoices("from"), serialization_alias="from")
    pattern: str = Field(min_length=1, validation_alias=AliasChoices("re"), serialization_alias="re")
    type: Literal["text", "integer"] = "text"

    @field_validator("pattern")
    @classmethod
    def _is_regex(cls, value: str) -> str:
        try:
            compiled(value)
        except RegexError as refused:
            raise ValueError(f"the regular expression is refused: {refused}") from None
        return value


def maker(parts: Mapping[str, ExtractPart], names: Mapping[str, tuple[str, ...]]) -> Callable[[Event], None]:
    """Gives an event the fields, but for those it has already. `names` is what the source calls the fields."""
    steps = [
        (name, getter_of(names.get(part.source, (part.source,))), compiled(part.pattern), part.type == "integer")
        for name, part in parts.items()
    ]

    def extract(event: Event) -> None:
        fields = event.fields
        for name, get, regex, is_number in steps:
            if name in fields:
                continue
            for each in members(get(fields)):
                words = text(each)
                found = regex.search(words) if words is not None else None
                if found is not None:
                    value = found.group("value" if "value" in regex.groups else min(1, len(found.groups())))
                    if value is not None and (not is_number or value.isdecimal()):
                        fields[name] = int(value) if is_number and len(value) < LONGEST else value
                        break

    return extract


LONGEST = 19
"""Digits of a number that is kept as one; a longer one is kept as text."""
