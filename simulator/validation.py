"""What POST /prompt refuses, with the bodies of the real server (docs/facts/comfyui.md#posting-a-prompt).

Validation walks from each output upward. It also rewrites the graph as the real one does: values of INT, FLOAT, STRING
and BOOLEAN inputs are converted in place. Unknown inputs are ignored, nodes no output needs are looked at for their
class only.
"""

import traceback
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from simulator.catalog import Input, NodeClass
from simulator.failures import type_name
from simulator.folders import Folders
from simulator.graph import Graph

Error = dict[str, Any]

UNEXPECTED = (LookupError, TypeError, ValueError, AttributeError, RecursionError)
LONGEST_LIST_SHOWN = 20
CONVERSIONS = {"INT": int, "FLOAT": float, "STRING": str, "BOOLEAN": bool}
FILE_CHECKS = {("LoadImage", "image"): "Invalid image file", ("LoadAudio", "audio"): "Invalid audio file"}


@dataclass(frozen=True)
class Verdict:
    """error: the body's `error`, or None if some output can run; outputs: those that can; node_errors: by node id."""

    error: Error | None
    outputs: list[str] = field(default_factory=list)
    node_errors: dict[str, Any] = field(default_factory=dict)


def _error(kind: str, message: str, details: str, **extra: object) -> Error:
    return {"type": kind, "message": message, "details": details, "extra_info": extra}


def validate(
    graph: Graph, classes: Mapping[str, NodeClass], folders: Folders, targets: list[str] | None = None
) -> Verdict:
    """Judge a graph; `targets` (partial_execution_targets) limits the outputs looked at.

    Raises TypeError or AttributeError for what is no object of objects: the real server answers 500 then.
    """
    outputs = []
    for node_id, node in graph.items():
        if "class_type" not in node:
            message = "Cannot execute because a node is missing the class_type property."
            return Verdict(_error("invalid_prompt", message, f"Node ID '#{node_id}'"))
        node_class = classes.get(node["class_type"])
        if node_class is None:
            message = f"Cannot execute because node {node['class_type']} does not exist."
            return Verdict(_error("invalid_prompt", message, f"Node ID '#{node_id}'"))
        if node_class.is_output and (targets is None or node_id in targets):
            outputs.append(node_id)
    if not outputs:
        return Verdict(_error("prompt_no_outputs", "Prompt has no outputs", ""))
    return _Walk(graph, classes, folders).judge(outputs)


class _Walk:
    def __init__(self, graph: Graph, classes: Mapping[str, NodeClass], folders: Folders) -> None:
        self._graph = graph
        self._classes = classes
        self._folders = folders
        self._judged: dict[str, tuple[bool, list[Error]]] = {}

    def judge(self, outputs: list[str]) -> Verdict:
        """Walk from each output upward and gather what is wrong."""
        good, reasons_of_outputs = [], []
        node_errors: dict[str, Any] = {}
        for output in outputs:
            valid, reasons = self._judge_output(output)
            if valid:
                good.append(output)
                continue
            reasons_of_outputs += reasons
            for node_id, (node_valid, node_reasons) in self._judged.items():
                if node_valid or not node_reasons:
                    continue
                class_type = self._graph[node_id]["class_type"]
                entry = {"errors": node_reasons, "dependent_outputs": [], "class_type": class_type}
                node_errors.setdefault(node_id, entry)["dependent_outputs"].append(output)
        if good:
            return Verdict(None, good, node_errors)
        details = "\n".join(f"{reason['message']}: {reason['details']}" for reason in reasons_of_outputs)
        error = _error("prompt_outputs_failed_validation", "Prompt outputs failed validation", details)
        return Verdict(error, [], node_errors)

    def _judge_output(self, output: str) -> tuple[bool, list[Error]]:
        try:
            return self._node(output)
        except UNEXPECTED as unexpected:
            extra = {
                "exception_type": type_name(unexpected),
                "traceback": traceback.format_tb(unexpected.__traceback__),
            }
            reason = _error("exception_during_validation", "Exception when validating node", str(unexpected), **extra)
            self._judged[output] = (False, [reason])
            return self._judged[output]

    def _node(self, node_id: str) -> tuple[bool, list[Error]]:
        if node_id in self._judged:
            return self._judged[node_id]
        inputs = self._graph[node_id]["inputs"]
        node_class = self._classes[self._graph[node_id]["class_type"]]
        errors: list[Error] = []
        upstream_valid = True
        for name, spec in node_class.inputs.items():
            if name not in inputs:
                if spec.required:
                    errors.append(_error("required_input_missing", "Required input is missing", name, input_name=name))
            elif isinstance(inputs[name], list):
                upstream_valid &= self._link(name, spec, inputs[name], errors)
            else:
                problem = _constant(name, spec, inputs, (node_class.name, name) in FILE_CHECKS)
                errors += [problem] if problem else []
        errors += self._files(node_class.name, inputs)
        self._judged[node_id] = (upstream_valid and not errors, errors)
        return self._judged[node_id]

    def _link(self, name: str, spec: Input, value: list[Any], errors: list[Error]) -> bool:
        if len(value) != 2:
            message = "Bad linked input, must be a length-2 list of [node_id, slot_index]"
            extra = {"input_name": name, "input_config": spec.config, "received_value": value}
            errors.append(_error("bad_linked_input", message, name, **extra))
            return True
        source = value[0]
        received = self._classes[self._graph[source]["class_type"]].outputs[value[1]]
        if not _accepts(spec.type, received):
            details = f"{name}, received_type({received}) mismatch input_type({spec.type})"
            extra = {
                "input_name": name,
                "input_config": spec.config,
                "received_type": received,
                "linked_node": value,
            }
            errors.append(_error("return_type_mismatch", "Return type mismatch between linked nodes", details, **extra))
            return True
        try:
            return self._node(source)[0]
        except UNEXPECTED as unexpected:
            self._judged[source] = (False, [_inner(name, spec, value, unexpected)])
            return False

    def _files(self, class_name: str, inputs: Mapping[str, Any]) -> list[Error]:
        errors = []
        for (checked_class, name), complaint in FILE_CHECKS.items():
            value = inputs.get(name)
            if checked_class != class_name or value is None or isinstance(value, list):
                continue
            if not self._folders.annotated(value).exists():
                details = f"{name} - {complaint}: {value}"
                message = "Custom validation failed for node"
                errors.append(_error("custom_validation_failed", message, details, input_name=name))
        return errors


def _accepts(wanted: str | list[Any], received: str) -> bool:
    if isinstance(wanted, list):
        return False
    if "*" in (wanted, received):
        return True
    return bool({part.strip() for part in wanted.split(",")} & {part.strip() for part in received.split(",")})


def _inner(name: str, spec: Input, value: list[Any], unexpected: BaseException) -> Error:
    extra = {
        "input_name": name,
        "input_config": spec.config,
        "exception_message": str(unexpected),
        "exception_type": type_name(unexpected),
        "traceback": traceback.format_tb(unexpected.__traceback__),
        "linked_node": value,
    }
    message = "Exception when validating inner node"
    return _error("exception_during_inner_validation", message, str(unexpected), **extra)


def _constant(name: str, spec: Input, inputs: dict[str, Any], own_check: bool) -> Error | None:
    value = inputs[name]
    if isinstance(value, dict) and "__value__" in value:
        value = inputs[name] = value["__value__"]
    facts = {"input_name": name, "input_config": spec.config, "received_value": value}
    convert = CONVERSIONS.get(spec.type) if isinstance(spec.type, str) else None
    if convert is not None:
        try:
            value = inputs[name] = convert(value)
        except (ValueError, TypeError, OverflowError) as failed:
            message = f"Failed to convert an input value to a {spec.type} value"
            extra = {**facts, "exception_message": str(failed)}
            return _error("invalid_input_type", message, f"{name}, {value}, {failed}", **extra)
    if own_check:
        return None
    facts["received_value"] = value
    if "min" in spec.options and value < spec.options["min"]:
        message = f"Value {value} smaller than min of {spec.options['min']}"
        return _error("value_smaller_than_min", message, name, **facts)
    if "max" in spec.options and value > spec.options["max"]:
        message = f"Value {value} bigger than max of {spec.options['max']}"
        return _error("value_bigger_than_max", message, name, **facts)
    if isinstance(spec.type, list) and value not in spec.type:
        shown = str(spec.type)
        if len(spec.type) > LONGEST_LIST_SHOWN:
            shown = f"(list of length {len(spec.type)})"
            facts["input_config"] = None
        return _error("value_not_in_list", "Value not in list", f"{name}: '{value}' not in {shown}", **facts)
    return None
