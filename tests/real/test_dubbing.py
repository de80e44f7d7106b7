"""A video whose motion is followed, on a real server: our node's latents, the sampler that begins with them, and the
worker's whole road with scenes beside them."""

import json
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from contract.cancel import Cancellation
from handler import answer
from tests.media.films import make_film
from tests.real.bench import RealBench, difference
from tests.worker.bench import Bench, probe
from worker.engine_setup import ReadyEngine
from worker.settings import Settings
from worker.startup import make_resources
from workflows.plan import windows_for


def test_motion_is_followed_frame_by_frame_in_every_window(real: RealBench) -> None:
    """Three windows of 17 frames; the second video differs from the first from frame 17 on, in the second window."""
    steps, start, windows = 4, 2, windows_for(33, 17, 9)
    sent: dict[str, Any] = {"frames": 33, "scheduler": "dpm++_sde", "steps": steps, "shift": 1.0}  # half is the source
    one = real.run(real.arguments(**sent, start_step=start, film=real.film("one", 33)))
    other = real.run(real.arguments(**sent, start_step=start, film=real.film("other", 17)))
    assert one.steps == other.steps == windows * (steps - start), "progress is of the steps that are run"
    assert len(one.frames) == 33
    changed = [difference([a, a], [b, b]) for a, b in zip(one.frames, other.frames, strict=True)]
    assert max(changed[:17]) < 0.005
    assert min(changed[18:]) > 0.05
    none = real.run(real.arguments(**sent))
    assert none.steps == windows * steps
    assert difference(none.frames, one.frames) > 1


def test_the_handler_dubs_with_motion_and_a_scene(settings: Settings, ready: ReadyEngine, tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    make_film(tmp_path / "film.mp4", 1.2, sound=True)
    resources = make_resources(settings.model_copy(update={"input_roots": (tmp_path,)}), ready)
    job = {
        "video_url": "film.mp4",
        "audio_urls": [bench.voice("voice.wav", [(1.6, 0.5)])],
        "width": 256,
        "height": 256,
        "window_frames": 33,
        "follow": "motion",
        "steps": 2,
        "keep_sound": "under",
        "scenes": [{"at": 1.0, "prompt": "a storm at sea"}],
    }
    told: list[dict[str, Any]] = []
    reply = answer({"id": "dubbed", "input": job}, resources, Cancellation(), told.append, 0.0)
    assert reply.get("status") == "completed", json.dumps(reply)
    video, source = probe(Path(unquote(urlsplit(reply["output_video_url"]).path))), reply["video_info"]["source"]
    assert (video.frames, video.size, reply["video_info"]["windows"]) == (40, (256, 256), 2)
    assert (source["follow"], source["start_step"], source["keyframes"]) == ("motion", 1, 2)
    assert [scene["window"] for scene in reply["scenes"]] == [2]
    assert {update["steps"] for update in told if update.get("steps")} == {1}
