"""Request bodies: read within a size limit, then validated by a pydantic model."""

from __future__ import annotations

import asyncio
from typing import Annotated, Any, ClassVar, TypeVar

from fastapi import Request
from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationError,
    ValidationInfo,
    model_validator,
)

from bots.common.uploads import read_body
from bots.openai_api.errors import ApiError, read_validation_error
from bots.openai_api.leniency import Leniency

#: A larger body is parsed in a thread.
_SMALL_BYTES = 64 * 1024

#: Choices are read in any case, with or without spaces around them.
Lowercase = BeforeValidator(
    lambda value: value.strip().lower() if isinstance(value, str) else value
)
#: Parameters that cannot be set: only the value that changes nothing is accepted.
One = Annotated[float, Field(ge=1, le=1)]
Zero = Annotated[float, Field(ge=0, le=0)]


class ApiModel(BaseModel):
    """An object in a request. Null and blank mean the default.

    Unknown fields are refused, or ignored if the validation context is a `Leniency`.
    """

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, allow_inf_nan=False)
    #: Fields that are accepted only where they change nothing; leniency ignores them.
    unsupported: ClassVar[frozenset[str]] = frozenset()
    #: Fields that may consist of spaces and line breaks.
    spaced: ClassVar[frozenset[str]] = frozenset()

    @model_validator(mode="before")
    @classmethod
    def _drop_blank(cls, fields: Any, info: ValidationInfo) -> Any:
        """Drop what means the default, and all unknown fields but one: it is enough to refuse.

        pydantic keeps some hundred bytes for each error, and a body has room for millions.
        """
        if not isinstance(fields, dict):
            return fields
        known = {field.alias or name for name, field in cls.model_fields.items()}
        if isinstance(info.context, Leniency):
            known -= cls.unsupported
            if other := fields.keys() - known:
                info.context.ignore(n for n in other if cls._is_meant(n, fields[n]))
                fields = {name: fields[name] for name in fields.keys() & known}
        unknown = min(fields.keys() - known, default=None)
        kept = {}
        for name, value in fields.items():
            text = value.strip() if isinstance(value, str) and name not in cls.spaced else value
            is_blank = text is None or text == ""
            if name == unknown or (name in known and not is_blank):
                kept[name] = value
        return kept

    @classmethod
    def _is_meant(cls, name: str, value: Any) -> bool:
        """Return whether a field that is ignored was to change anything."""
        known = cls.model_fields.get(name)
        return bool(value) and not (known and value == known.default)


BodyT = TypeVar("BodyT", bound=ApiModel)


def validate(model: type[BodyT], body: bytes, leniency: Leniency | None = None) -> BodyT:
    """Return JSON as its model. Raises ApiError for the first thing that is wrong with it."""
    context = leniency if leniency and leniency.is_on else None
    try:
        return model.model_validate_json(body, context=context)
    except ValidationError as error:
        raise read_validation_error(error) from None


async def read_json(request: Request, model: type[BodyT], max_bytes: int) -> BodyT:
    """Return the JSON body that was sent. Raises ApiError."""
    media_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if media_type != "application/json":
        raise ApiError(415, "Content-Type must be application/json.")
    too_large = ApiError(413, f"The body is larger than {max_bytes} bytes.")
    # The rest of the body is not worth reading.
    too_large.headers = {"Connection": "close"}
    announced = request.headers.get("content-length", "0")
    if announced.isascii() and announced.isdigit() and int(announced[:12]) > max_bytes:
        raise too_large
    body = await read_body(request, max_bytes, too_large)
    leniency: Leniency = request.state.leniency
    if len(body) <= _SMALL_BYTES:
        return validate(model, body, leniency)
    return await asyncio.to_thread(validate, model, body, leniency)
