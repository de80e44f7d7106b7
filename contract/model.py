"""What the parts of every reply have in common."""

from pydantic import BaseModel, ConfigDict

Seconds = float
OF_WORKER = "of the worker that made this reply"


class Model(BaseModel):
    """Part of a reply."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", allow_inf_nan=False, json_schema_serialization_defaults_required=True
    )


class Timings(Model):
    """Seconds of wall clock. encode is what remained to do after the last frame; most of it runs beside sampling."""

    fetch: Seconds
    prepare: Seconds
    load: Seconds
    sample: Seconds
    encode: Seconds
    upload: Seconds
