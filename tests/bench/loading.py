"""What a job waits for before it samples, on a real ComfyUI: the first one after WARM_UP=1, and the way between modes.

Jobs have pictures, voices and prompts of their own, and 64x64 pixels: on a CPU a job spends its time in the VAE.
"""

import time
from collections.abc import Iterator
from pathlib import Path
from statistics import median

from comfy_client.server import EngineProcess
from comfy_client.supervisor import Engine
from contract.cancel import Cancellation
from contract.fields import Mode
from job.loaded import ROOM_BYTES, Loaded
from job.warm_up import warm_up
from tests.bench.figures import Figure
from tests.bench.real_worker import real_place
from tests.real.bench import LOADERS, Outcome, RealBench
from worker.early_start import volumes_of
from worker.engine_setup import running_engine
from worker.settings import Settings
from worker.startup import make_resources

GOAL = 1.2
JOBS = 3  # the first one, and those of which it is held against the median


def figures() -> Iterator[Figure]:
    """With the warm-up, and without it for comparison; then the other mode, and back."""
    with real_place() as settings:
        warm, took, memory = _jobs(settings, warm=True)
        cold, _, _ = _jobs(settings, warm=False)
    told = f"after WARM_UP=1, which took {took:.0f} s"
    for name, jobs, goal in ((told, warm, GOAL), ("without it", cold, None)):
        first, later = jobs[0].loading, median(one.loading for one in jobs[1:JOBS])
        shown = f"{first / later:.2f} ({first:.2f} of {later:.2f} s)"
        yield Figure(f"load phase of the first job, of a second one's, {name}", first / later, shown, goal)
    base = memory[JOBS - 1]
    both = f"{memory[-1] / base:.2f} ({memory[-1] / 1e6:.0f} of {base / 1e6:.0f} MB)"
    yield Figure("memory of ComfyUI with the loaders of both modes, of that with one's", memory[-1] / base, both)
    second, other, back = warm[JOBS - 1 :]
    for name, job in (
        ("a second job", second),
        ("a job of the other mode", other),
        ("a job of the first mode again", back),
    ):
        again = LOADERS.intersection(job.nodes)
        shown = f"{len(again)} of {len(LOADERS)}{': ' * bool(again)}{', '.join(sorted(again))}; {job.loading:.2f} s"
        yield Figure(f"loaders that {name} runs", len(again) / len(LOADERS), shown)


def _jobs(settings: Settings, *, warm: bool) -> tuple[list[Outcome], float, list[int]]:
    """Jobs of one server, the last two in the other mode and back; how long the warm-up took; the server's own memory
    in bytes, without mapped files, after each job."""
    with running_engine(settings, volumes_of(settings)) as ready:
        begun = time.monotonic()
        if warm:
            warm_up(make_resources(settings, ready), Cancellation())
        took = time.monotonic() - begun
        folder = settings.work_dir / f"bench-{warm}"
        folder.mkdir()
        first: list[Mode] = ["multitalk"]
        others: list[Mode] = ["infinitetalk", "multitalk"] if warm else []
        modes = enumerate([*first * JOBS, *others])
        jobs, memory, loaded = list[Outcome](), list[int](), Loaded(lambda: ROOM_BYTES)
        for number, mode in modes:
            jobs.append(_one(RealBench(ready, folder), mode, number, loaded))
            memory.append(_own_bytes(ready.engine))
        return jobs, took, memory


def _own_bytes(engine: Engine) -> int:
    process: EngineProcess = vars(engine)["_process"]
    told = Path(f"/proc/{process.pid}/status").read_text(encoding="utf-8")
    return 1024 * int(told.partition("RssAnon:")[2].split()[0])


def _one(bench: RealBench, mode: Mode, number: int, loaded: Loaded) -> Outcome:
    made = bench.arguments(
        mode, seed=number, references=bench.reference(number), positive_prompt=f"a person tells number {number}"
    )
    return bench.run(made, lambda graph: loaded.keep_beside(graph, mode, mode))
