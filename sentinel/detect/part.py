"""What every part of the `sentinel:` map is: a closed model."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict


def _listed(value: Any) -> Any:
    return [value] if isinstance(value, str) else value


Words = Annotated[tuple[str, ...], BeforeValidator(_listed, json_schema_input_type=str | tuple[str, ...])]
"""One text or a list of texts."""


class Part(BaseModel):
    """One key of the map."""

    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True)
