"""A node pack for ComfyUI without a node: it writes down where the time of a talking-video prompt goes.

For each prompt one JSON line is added to the file that GPU_PROBE_LOG names: the nodes that ran, the phases of the
sampling thread (each ends with a `torch.cuda.synchronize`, so that the time belongs to what used it), the peaks of
memory, and the versions. Without that variable nothing happens. Written for the node pack's commit 088128b;
`scripts/gpu_bench.py` loads it.
"""

import functools
import importlib.metadata
import json
import os
import sys
import time
from contextlib import contextmanager, suppress
from pathlib import Path

import torch

LOG_VARIABLE = "GPU_PROBE_LOG"
SAMPLER_NODE = "WanVideoSampler"
PACKAGES = (
    "transformers",
    "diffusers",
    "peft",
    "accelerate",
    "gguf",
    "color-matcher",
    "numpy",
    "triton",
    "sageattention",
)
NODE_CLASS_MAPPINGS = {}


def synchronize():
    """Wait until the GPU has done all that it was told; nothing where there is none."""
    if torch.cuda.is_available():
        torch.cuda.synchronize()


def versions():
    """Package to version, None where it is not installed."""
    found = {"python": sys.version.split()[0], "torch": torch.__version__, "cuda": torch.version.cuda}
    found["cudnn"] = torch.backends.cudnn.version()
    for name in PACKAGES:
        try:
            found[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            found[name] = None
    return found


class Record:
    """What is known of the prompt that runs. Times are seconds since its start."""

    def __init__(self, path):
        self._path = path
        self.begin("", {})

    def begin(self, prompt_id, prompt):
        """A prompt begins; `prompt` is its graph in API format."""
        self._begun = time.perf_counter()
        self.told = {"prompt_id": prompt_id, "begun": time.time(), "nodes": [], "phases": [], "facts": {}}
        self._classes = {node: entry.get("class_type") for node, entry in prompt.items()}
        if torch.cuda.is_available():
            torch.cuda.reset_peak_memory_stats()

    @property
    def now(self):
        """Seconds since the prompt began."""
        return time.perf_counter() - self._begun

    def node(self, node):
        """A node begins; None: the last one is over."""
        if self.told["nodes"]:
            self.told["nodes"][-1]["end"] = self.now
        if node is not None:
            self.told["nodes"].append({"class": self._classes.get(node, node), "begin": self.now})

    @contextmanager
    def phase(self, name):
        """What the GPU does in the `with` block, as a phase; the peaks of its memory so far, in bytes, beside it."""
        synchronize()
        begin = self.now
        try:
            yield
        finally:
            synchronize()
            self.told["phases"].append({"name": name, "begin": begin, "end": self.now})
            if torch.cuda.is_available():
                facts = self.told["facts"]
                for key, value in (
                    ("allocated", torch.cuda.max_memory_allocated()),
                    ("reserved", torch.cuda.max_memory_reserved()),
                ):
                    facts[f"{key}_bytes"] = max(facts.get(f"{key}_bytes", 0), value)

    def write(self, end):
        """Add the prompt's line to the file; `end` is the name of ComfyUI's event."""
        self.node(None)
        self.told["end"], self.told["seconds"], self.told["versions"] = end, self.now, versions()
        with self._path.open("a") as log:
            log.write(json.dumps(self.told) + "\n")


class TimedVae:
    """The VAE of the loop. Upstream's loop brings what `decode` returns to the CPU at once, which is a phase too; where
    our pack keeps it on the device, that is part of what lies between the windows."""

    def __init__(self, vae, record, *, copied):
        self._vae, self._record, self._copied = vae, record, copied

    def __getattr__(self, name):
        return getattr(self._vae, name)

    def to(self, *where, **more):
        """A phase, `vae_move`."""
        with self._record.phase("vae_move"):
            self._vae.to(*where, **more)
        return self

    def encode(self, *what, **more):
        """A phase of that name."""
        with self._record.phase("encode"):
            return self._vae.encode(*what, **more)

    def decode(self, *what, **more):
        """A phase of that name; what comes out tells when it is copied to the CPU."""
        with self._record.phase("decode"):
            decoded = self._vae.decode(*what, **more)
        return TimedCopy(decoded, self._record) if self._copied else decoded


class TimedCopy:
    """A tensor, or a part of one, whose way to the CPU is a phase."""

    def __init__(self, tensor, record):
        self._tensor, self._record = tensor, record

    def __getitem__(self, index):
        return TimedCopy(self._tensor[index], self._record)

    def __getattr__(self, name):
        return getattr(self._tensor, name)

    def cpu(self):
        """A phase, `to_cpu`."""
        with self._record.phase("to_cpu"):
            return self._tensor.cpu()


class Timed:
    """A module in the loop's eyes, one of its functions being a phase."""

    def __init__(self, module, function, record):
        self._module, self._function, self._record = module, function, record

    def __getattr__(self, name):
        return (
            timed(getattr(self._module, name), name, self._record)
            if name == self._function
            else getattr(self._module, name)
        )


def timed(function, name, record):
    """The function, each of its calls a phase of this name."""

    @functools.wraps(function)
    def run(*arguments, **options):
        with record.phase(name):
            return function(*arguments, **options)

    return run


def sdp_order():
    """Names of torch's attention kernels, the one that it would rather take first."""
    with suppress(AttributeError):
        return [torch.nn.attention.SDPBackend(number).name for number in torch._C._get_sdp_priority_order()]


def timed_loop(loop, record):
    """The loop with its VAE and its model timed; the facts of the model beside it."""

    @functools.wraps(loop)
    def run(*arguments, **options):
        transformer = options["transformer"]
        record.told["facts"] |= {
            "attention": getattr(transformer, "attention_mode", None),
            "dtype": str(options["dtype"]),
            "window": options["image_embeds"].get("frame_window_size"),
            "colour_match": options["image_embeds"].get("colormatch"),
            "sdp_order": sdp_order(),
        }
        copied = not any(name.endswith("comfy_nodes.frames") for name in sys.modules)
        options["vae"] = TimedVae(options["vae"], record, copied=copied)
        options["predict_with_cfg"] = timed(options["predict_with_cfg"], "step", record)
        with record.phase("loop"):
            return loop(*arguments, **options)

    return run


def hook(record):
    """Put the timed loop, and what it calls of other modules, in the place of the sampler's own."""
    import nodes  # noqa: PLC0415 - ComfyUI's

    sampler = sys.modules[nodes.NODE_CLASS_MAPPINGS[SAMPLER_NODE].__module__]
    loop = sampler.multitalk_loop
    writer = sys.modules[getattr(loop, "__wrapped__", loop).__module__]
    sampler.multitalk_loop = timed_loop(loop, record)
    sampler.load_weights = timed(sampler.load_weights, "load_weights", record)
    sampler.set_lora_params_gguf = timed(sampler.set_lora_params_gguf, "set_lora", record)
    with suppress(ImportError):
        from color_matcher import ColorMatcher  # noqa: PLC0415 - not everywhere

        ColorMatcher.transfer = timed(ColorMatcher.transfer, "match", record)
    writer.gc = Timed(writer.gc, "collect", record)
    writer.mm = Timed(writer.mm, "soft_empty_cache", record)


def attach(path):
    """Follow every prompt of this ComfyUI, and write a line of each to `path`."""
    import server  # noqa: PLC0415 - ComfyUI's

    record, instance = Record(path), server.PromptServer.instance
    send = instance.send_sync

    @functools.cache
    def hook_once():
        hook(record)

    def on_prompt(prompt):
        hook_once()
        prompts.append(prompt.get("prompt", {}))
        return prompt

    def listen(event, data, sid=None):
        if event == "execution_start":
            record.begin(data["prompt_id"], prompts.pop(0) if prompts else {})
        elif event == "executing" and data.get("node") is not None:
            record.node(data["node"])
        elif event in ("execution_success", "execution_error", "execution_interrupted"):
            record.write(event)
        return send(event, data, sid)

    prompts = []
    instance.add_on_prompt_handler(on_prompt)
    instance.send_sync = listen


if os.environ.get(LOG_VARIABLE) and "nodes" in sys.modules:
    attach(Path(os.environ[LOG_VARIABLE]))
