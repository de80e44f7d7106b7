"""What the GPU bench makes of a probe's record and of replies: seconds of a window's parts, and the table."""

import json
import sys
from pathlib import Path
from typing import Any

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "scripts"))
from gpu.cases import parse, standard
from gpu.phases import summary
from gpu.report import step_flop, write_table
from gpu_bench import Results


def record() -> dict[str, Any]:
    """A prompt of two windows: 0.5 s of colour match and 0.1 s of other work on the CPU between them."""
    phases, now = [], 10.0

    def then(name: str, seconds: float) -> None:
        nonlocal now
        phases.append({"name": name, "begin": now, "end": now + seconds})
        now += seconds

    then("load_weights", 3.0)
    began = now
    for _ in range(2):
        now += 0.05
        for name, seconds in (("vae_move", 0.1), ("encode", 1.0), ("soft_empty_cache", 0.02), ("collect", 0.03)):
            then(name, seconds)
        for _ in range(4):
            then("step", 2.0)
        then("decode", 1.5)
        then("to_cpu", 0.2)
        then("vae_move", 0.1)
        then("match", 0.5)
        now += 0.05
    phases.append({"name": "loop", "begin": began, "end": now})
    nodes = [{"class": name, "begin": 0.0, "end": 2.0} for name in ("CLIPTextEncode", "WanVideoSampler")]
    facts = {"attention": "sdpa", "dtype": "torch.float16", "colour_match": "mkl", "reserved_bytes": 30 * 2**30}
    return {"end": "execution_success", "phases": phases, "nodes": nodes, "facts": facts}


def test_a_windows_time_is_told_part_by_part() -> None:
    told = summary(record())
    assert len(told["windows"]) == 2
    assert told["step_seconds"] == pytest.approx(2.0)
    assert told["load_weights"] == pytest.approx(3.0)
    first, second = told["windows"]
    assert first["before"] == pytest.approx(0.05, abs=1e-3)
    assert second["before"] == pytest.approx(0.6, abs=1e-3)  # the first window's match and conversion, its own noise
    assert second["match"] == pytest.approx(0.5)
    assert second["after"] == pytest.approx(0.55, abs=1e-3)
    assert second["decode"] == pytest.approx(1.5)
    assert second["to_cpu"] == pytest.approx(0.2)
    assert second["vae_move"] == pytest.approx(0.2)
    assert second["seconds"] == pytest.approx(0.1 + 0.5 + 0.1 + 0.1 + 1.0 + 0.05 + 8.0 + 1.5 + 0.2, abs=1e-3)
    assert told["between_windows"] == pytest.approx(0.6, abs=1e-3)


def test_a_prompt_that_ended_before_the_sampling_has_no_windows() -> None:
    told = summary({"end": "execution_error", "phases": [], "nodes": [], "facts": {}})
    assert told["windows"] == []
    assert told["step_seconds"] is None


def test_the_table_says_what_was_measured_and_on_what(tmp_path: Path) -> None:
    timings = {"fetch": 0.1, "prepare": 0.2, "load": 5.0, "sample": 20.0, "encode": 0.3, "upload": 0.1}
    done: dict[str, Any] = {"case": "multitalk-400x704-10s-1v", "window_frames": 81, "timings": timings}
    done |= {"processing_time_seconds": 25.7, "video_info": {"windows": 4}, "inside": summary(record())}
    done |= {"wall_seconds": 26.0, "commit": "abc"}
    done["ram_bytes"] = {"anonymous": 20 * 2**30}
    done["gpu_sampling"] = {"busy_percent": 97.5}
    failed = {"case": "multitalk-720x1280-10s-1v", "error": "out of memory"}
    card = {"name": "Some GPU", "driver": "1.2", "memory_mib": 81920.0, "power_limit_w": 700.0}
    told: dict[str, Any] = {"card": card, "date": "2026-01-02", "runs": [done, failed]}
    told |= {"weights": "random, of the real shapes", "versions": {"torch": "2.9.1", "sageattention": None}}
    (tmp_path / "some-gpu.json").write_text(json.dumps(told))
    write_table(tmp_path)
    text = (tmp_path / "README.md").read_text()
    for part in ("Some GPU", "random, of the real shapes", "torch 2.9.1", "sdpa", "97.5 %", "30.0"):
        assert part in text, part
    assert "sageattention" not in text, "it was not there"
    rate = step_flop("multitalk-400x704-10s-1v") / 2.0 / 1e12
    assert f"| {rate:.0f} |" in text
    assert "`multitalk-720x1280-10s-1v`: out of memory" in text


def test_a_run_takes_the_place_of_the_same_one_and_what_people_noted_stays(tmp_path: Path) -> None:
    file = tmp_path / "some-gpu.json"
    file.write_text(json.dumps({"notes": ["another program ran"], "runs": []}))
    facts = {"card": {"name": "Some GPU"}, "date": "2026-01-02", "weights": "random"}
    for seconds, settings in ((1, {}), (2, {"WARM_UP": "1"}), (3, {})):
        Results(tmp_path, facts).add(
            {"case": "multitalk-400x704-10s-1v", "commit": "abc", "settings": settings, "wall_seconds": seconds}
        )
    told = json.loads(file.read_text())
    assert [run["wall_seconds"] for run in told["runs"]] == [2, 3]
    assert (told["notes"], told["date"]) == (["another program ran"], "2026-01-02")


def test_case_names_say_everything_and_the_standard_ones_cover_what_is_promised() -> None:
    case = parse("infinitetalk-720x1280-5.4s-2v-w49-swap20-again")
    assert (case.mode, case.width, case.height, case.seconds) == ("infinitetalk", 720, 1280, 5.4)
    assert (case.voices, case.window, case.blocks_to_swap) == (2, 49, 20)
    assert parse("infinitetalk-400x704-10s-1v").windows == 4
    assert parse("multitalk-400x704-5.4s-1v").windows == 2
    names = [case.name for case in standard()]
    assert len(names) == len(set(names)) == 32
    with pytest.raises(ValueError, match="is no case"):
        parse("infinitetalk-400x704")
