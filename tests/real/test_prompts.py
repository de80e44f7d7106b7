"""How the real text node reads a prompt: as sent it has syntax, as the worker fills it in it has none."""

import json
import subprocess
from pathlib import Path

import pytest

from tests.workflows.graph_samples import arguments
from worker.settings import Settings
from workflows.graph import build_graph

# Tokens and weights of each prompt, by ComfyUI's own tokenizer with the vocabulary of the tiny text encoder.
READER = """
import json, sys
sys.path[:0] = [sys.argv[1], sys.argv[2]]
prompts = json.loads(sys.stdin.read())
sys.argv = sys.argv[:1] + ["--cpu"]
import comfy.options
comfy.options.enable_args_parsing()
from comfy.text_encoders.wan import WanT5Tokenizer
from make_tiny_models import tokenizer_model
reader = WanT5Tokenizer(embedding_directory=["/embeddings"], tokenizer_data={"spiece_model": tokenizer_model()})
read = [reader.tokenize_with_weights(prompt)["umt5xxl"][0] for prompt in prompts]
print(json.dumps([[[token for token, _ in row], sorted({repr(weight) for _, weight in row})] for row in read]))
"""
SYNTAX = ["a (word:1.2)", "a (word)", "((((a))))", "(a:nan)", "(a:1e999)", "(" * 900 + "a" + ")" * 900]
PLAIN = ["embedding:foo", "a embedding:foo b", "embedding:", "[1] a | b {c|d}", r"a \(b\) c", ")))((( a", "a\nb"]


@pytest.fixture(scope="module")
def read(settings: Settings) -> list[tuple[list[int], list[str]]]:
    """What becomes of SYNTAX, of PLAIN, and of both as the worker's graph has them."""
    graphs = [build_graph(**arguments("multitalk", positive_prompt=text)) for text in SYNTAX + PLAIN]
    prompts = [*SYNTAX, *PLAIN, *(graph["positive"]["inputs"]["text"] for graph in graphs)]
    scripts = Path(__file__).parents[2] / "scripts"
    command = [str(settings.comfyui_python), "-c", READER, str(settings.comfyui_dir), str(scripts)]
    done = subprocess.run(command, input=json.dumps(prompts), capture_output=True, text=True, check=True)
    return [(tokens, weights) for tokens, weights in json.loads(done.stdout.splitlines()[-1])]


def test_as_sent_brackets_are_weights(read: list[tuple[list[int], list[str]]]) -> None:
    assert all(weights != ["1.0"] for _, weights in read[: len(SYNTAX)])


def test_as_sent_the_name_of_an_embedding_is_text(read: list[tuple[list[int], list[str]]]) -> None:
    assert all(weights == ["1.0"] for _, weights in read[len(SYNTAX) : len(SYNTAX + PLAIN)])


def test_as_filled_in_no_prompt_has_a_weight(read: list[tuple[list[int], list[str]]]) -> None:
    assert all(weights == ["1.0"] for _, weights in read[len(SYNTAX + PLAIN) :])
