"""The name of a video in the storage."""

import re
from typing import Annotated

from pydantic import AfterValidator, Field

LONGEST_FILE_NAME = 255


def _check_output_key(value: str) -> str:
    if not re.fullmatch(r"[A-Za-z0-9._\-/]+", value):
        raise ValueError("an output_key has letters, digits, '.', '_', '-' and '/' only")
    if any(part in ("", ".", "..") for part in value.split("/")):
        raise ValueError("an output_key has no '..', no empty part, and neither starts nor ends with '/'")
    if any(len(part) > LONGEST_FILE_NAME for part in value.split("/")):
        raise ValueError(f"between two '/' an output_key has at most {LONGEST_FILE_NAME} characters")
    if any(re.fullmatch(r"\..*\.part", part) for part in value.split("/")):
        raise ValueError("an output_key is not called '.….part', as unfinished files are")
    return value


OutputKey = Annotated[
    str,
    Field(
        min_length=1,
        max_length=512,
        description="the video's place in the storage, such as talks/anna.mp4; default: named after the job",
        json_schema_extra={
            "pattern": "^[A-Za-z0-9._/-]+$",
            "not": {"pattern": r"^/|//|/$|(^|/)[.][.]?(/|$)|\n|[^/]{256}|(^|/)[.][^/]*[.]part(/|$)"},
        },
    ),
    AfterValidator(_check_output_key),
]
