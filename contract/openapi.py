"""RunPod's job API with this worker behind it, as an OpenAPI 3.1 document; and the fields as a plain JSON Schema.

The plain schema has the published names, types and ranges in published order, for forms and typed clients. What the
worker takes beyond that (other names, numbers as text …) is in `contract.input_schema`. What is said of the API is from
docs/facts/runpod.md.
"""

from typing import Any

from contract import reply_schema
from contract.fields import JobInput
from contract.version import VERSION

Schema = dict[str, Any]
SERVER = "https://api.runpod.ai/v2/{endpoint_id}"
STATES = ["IN_QUEUE", "IN_PROGRESS", "RUNNING", "COMPLETED", "FAILED", "CANCELLED", "TIMED_OUT"]
TEXT: Schema = {"type": "string"}
SOURCE_WORDS = "data: URI"  # in the description that every source has
JOB_ID: Schema = {"name": "job_id", "in": "path", "required": True, "schema": {"type": "string"}}
EXAMPLE = {
    "input": {
        "image_url": "https://media.example.com/duo.png",
        "audio_urls": ["https://media.example.com/anna.wav", "https://media.example.com/ben.wav"],
        "timing": "turns",
        "resolution": "480p",
    }
}


def fields_schema() -> Schema:
    """The request's `input` in its plain form: published names only, each value in one type."""
    schema = JobInput.model_json_schema()
    return {**_with_plain_sources(schema), "title": "talking-video worker: fields"}


def _with_plain_sources(schema: Any) -> Any:
    """Without the patterns by which sources are told apart: a form shows their description instead."""
    if isinstance(schema, list):
        return [_with_plain_sources(one) for one in schema]
    if not isinstance(schema, dict):
        return schema
    if SOURCE_WORDS in str(schema.get("description", "")) and "anyOf" in schema:
        kept = {name: schema[name] for name in ("title", "default", "description") if name in schema}
        return {**kept, "type": "string", "minLength": 1}
    return {name: _with_plain_sources(value) for name, value in schema.items()}


def document() -> Schema:
    """The OpenAPI document. Its schemas are components, so that one file is enough for a generator."""
    fields, reply = fields_schema(), reply_schema.json_schema()
    schemas: Schema = {**fields.pop("$defs", {}), **reply.pop("$defs", {})}
    schemas = {**schemas, "Input": fields, "WorkerOutput": reply}
    schemas |= {"Job": _job(), "Progress": _progress(), "Status": _status()}
    return {
        "openapi": "3.1.0",
        "info": {"title": "talking-video worker", "version": VERSION, "license": {"name": "Apache-2.0"}},
        "servers": [{"url": SERVER, "variables": {"endpoint_id": {"default": "YOUR_ENDPOINT"}}}],
        "security": [{"key": []}],
        "paths": _paths(),
        "components": {
            "securitySchemes": {"key": {"type": "http", "scheme": "bearer", "description": "your RunPod API key"}},
            "schemas": _pointing_to_components(schemas),
        },
    }


def _job() -> Schema:
    """What is posted."""
    return {
        "type": "object",
        "required": ["input"],
        "properties": {
            "input": _ref("Input"),
            "webhook": {"type": "string", "format": "uri"},
            "policy": {
                "type": "object",
                "properties": {
                    "executionTimeout": {"type": "integer", "description": "milliseconds"},
                    "ttl": {"type": "integer", "description": "milliseconds, from the request on"},
                    "lowPriority": {"type": "boolean"},
                },
            },
            "s3Config": {
                "type": "object",
                "required": ["accessId", "accessSecret", "endpointUrl"],
                "properties": dict.fromkeys(("accessId", "accessSecret", "bucketName", "endpointUrl"), TEXT),
            },
        },
        "example": EXAMPLE,
    }


def _progress() -> Schema:
    return {
        "type": "object",
        "description": "the worker's last word on its progress",
        "required": ["stage", "percent"],
        "properties": {"stage": TEXT, "percent": {"type": "number"}, "eta_seconds": {"type": ["number", "null"]}},
    }


def _status() -> Schema:
    """What is answered."""
    return {
        "type": "object",
        "required": ["id", "status"],
        "properties": {
            "id": TEXT,
            "status": {"enum": STATES},
            "delayTime": {"type": "integer", "description": "milliseconds in the queue"},
            "executionTime": {"type": "integer", "description": "milliseconds at the worker"},
            "output": {"anyOf": [_ref("WorkerOutput"), _ref("Progress")]},
            "error": TEXT,
            "workerId": TEXT,
        },
    }


def _paths() -> Schema:
    waited = {"name": "wait", "in": "query", "description": "milliseconds", "schema": {"type": "integer"}}
    job = {"required": True, "content": {"application/json": {"schema": _ref("Job")}}}
    return {
        "/run": {"post": _operation("run", "Submit a job", body=job)},
        "/runsync": {"post": _operation("runSync", "Submit a job and wait for it", body=job, parameters=[waited])},
        "/status/{job_id}": {"get": _operation("status", "Where a job is, or its reply", parameters=[JOB_ID])},
        "/cancel/{job_id}": {"post": _operation("cancel", "End a job that waits or runs", parameters=[JOB_ID])},
        "/retry/{job_id}": {"post": _operation("retry", "Do a failed job again under its id", parameters=[JOB_ID])},
    }


def _operation(
    name: str, summary: str, *, body: Schema | None = None, parameters: list[Schema] | None = None
) -> Schema:
    answers = {
        "200": {"description": "the job", "content": {"application/json": {"schema": _ref("Status")}}},
        "401": {"description": "the key is not accepted"},
        "404": {"description": "no such endpoint, or RunPod does not know the job any more"},
        "429": {"description": "too many requests"},
    }
    more = {"requestBody": body} if body else {}
    return {"operationId": name, "summary": summary, "parameters": parameters or [], **more, "responses": answers}


def _ref(name: str) -> Schema:
    return {"$ref": f"#/components/schemas/{name}"}


def _pointing_to_components(schema: Any) -> Any:
    if isinstance(schema, list):
        return [_pointing_to_components(one) for one in schema]
    if not isinstance(schema, dict):
        return schema
    found = {name: _pointing_to_components(value) for name, value in schema.items()}
    if isinstance(found.get("$ref"), str):
        found["$ref"] = found["$ref"].replace("#/$defs/", "#/components/schemas/")
    return found
