"""What `make test` leaves to `make test-wide`: the same kinds at more places, with more members. CI runs both.

`make test` keeps at least one test of every capability, of every kind of fault and attack, and all that is pure; it is
what a person runs after each change, in minutes.
"""

from collections import Counter
from collections.abc import Iterable
from functools import cache

import pytest

# How names of tests begin, and what stays of them in `make test`: of so many the first; 0: none.
WIDE = {
    "tests/serverless/test_engine_answers.py": 8,
    "tests/serverless/test_engine_faults.py::test_one_that_answers_nothing": 0,
    "tests/serverless/test_engine_faults.py::test_no_more_progress": 0,
    "tests/serverless/test_engine_faults.py::test_out_of_memory_always": 0,
    "tests/serverless/test_hung_volume.py": 16,
    "tests/serverless/test_full_disk.py": 4,
    "tests/serverless/test_broken_ffmpeg.py": 3,
    "tests/serverless/test_recall.py::test_a_job_may": 0,
    "tests/serverless/test_recall.py::test_a_job_that_is": 0,
    "tests/serverless/test_recall.py::test_a_volume": 0,
    "tests/serverless/test_recall.py::test_runpods": 0,
    "tests/serverless/test_bucket.py::test_a_worker": 0,
    "tests/serverless/test_endurance.py": 0,
    "tests/serverless/test_shutdown.py": 5,
    "tests/serverless/test_delivery.py": 3,
    "tests/serverless/test_storage.py::test_on_a_volume_a_video": 4,
    "tests/serverless/test_storage.py::test_a_kept_video": 4,
    "tests/serverless/test_storage.py::test_a_storage": 3,
    "tests/serverless/test_storage.py::test_without_a_volume_a_small": 0,
    "tests/serverless/test_storage.py::test_without_a_volume_a_large": 2,
    "tests/serverless/test_progress.py::test_a_socket_that_is_cut_ten_times": 0,
    "tests/serverless/test_progress.py::test_a_control_plane": 0,
    "tests/serverless/test_deadline.py::test_while_it_samples": 0,
    "tests/serverless/test_deadline.py::test_a_small_job": 0,
    "tests/serverless/test_cancel.py::test_again": 0,
    "tests/serverless/test_cancel.py::test_while_its": 0,
    "tests/serverless/test_recovery.py::test_the_job_that_used": 0,
    "tests/serverless/test_fitness.py::test_a_worker_that_lacks": 4,
    "tests/serverless/test_fitness.py::test_a_worker_that_was_frozen": 0,
    "tests/worker/test_road.py::test_every_example": 20,
    "tests/worker/test_road.py::test_the_picture_never_ends": 3,
    "tests/worker/test_road.py::test_another_fps": 0,
    "tests/worker/test_failures.py::test_a_failing_server": 3,
    "tests/worker/test_failures.py::test_a_lost_socket": 0,
    "tests/worker/test_failures.py::test_a_proxy": 0,
    "tests/worker/test_failures.py::test_a_running_server": 2,
    "tests/worker/test_dubbing.py::test_what_cannot": 4,
    "tests/worker/test_dubbing.py::test_a_silent": 0,
    "tests/worker/test_going_on.py::test_where_nothing": 0,
    "tests/worker/test_local_run.py::test_the_sdks": 0,
    "tests/worker/test_marks.py": 2,
    "tests/worker/test_scenes.py::test_a_scenes_picture": 0,
    "tests/worker/test_voice.py::test_each_speaker": 0,
    "tests/worker/test_channels.py::test_a_mono": 0,
    "tests/worker/test_cancel.py": 2,
    "tests/client/test_client_queue.py::test_a_person": 0,
    "tests/image/test_image_compose.py::test_an_endpoint": 0,
    "tests/hostile/test_hostile_urls.py": 10,
    "tests/hostile/test_hostile_results.py": 4,
    "tests/hostile/test_hostile_results_worker.py": 0,
    "tests/hostile/test_hostile_servers.py": 4,
    "tests/hostile/test_hostile_redirects.py": 3,
    "tests/hostile/test_hostile_limits.py": 2,
    "tests/hostile/test_secrets.py::": 0,
    "tests/hostile/test_secrets_starts.py": 3,
    "tests/media/test_media_audio_losses.py": 4,
    "tests/media/test_media_footage.py::test_the_picture_at_each_second": 4,
    "tests/media/test_media_audio_formats.py": 4,
    "tests/media/test_media_channels.py": 4,
    "tests/media/test_media_portrait_more_formats.py": 4,
    "tests/media/test_media_video_output.py": 3,
    "tests/media/test_media_audio_loudness.py": 3,
    "tests/media/test_media_audio_clock.py": 3,
    "tests/media/test_media_audio_refused.py": 3,
    "tests/media/test_media_portrait_clean.py": 3,
    "tests/media/test_media_listener_mix.py": 2,
    "tests/storage/test_storage_urls.py": 4,
    "tests/storage/test_storage_regions.py": 4,
    "tests/storage/test_storage_hosts.py": 4,
    "tests/storage/test_storage_s3_faults.py": 3,
    "tests/storage/test_storage_s3_found.py": 3,
    "tests/sources/test_sources_fetch_addresses.py": 4,
    "tests/sources/test_sources_fetch_retries.py": 4,
    "tests/sources/test_sources_fetch_files.py": 3,
    "tests/client/test_client_command.py::test_what_cannot_be": 4,
    "tests/client/test_client_command.py::test_a_key": 0,
    "tests/client/test_client_batch.py::test_variants": 0,
    "tests/client/test_client_batch.py::test_ctrl_c": 0,
    "tests/client/test_client_batch.py::test_a_batch_goes_on": 0,
    "tests/client/test_client_library.py::test_the_types": 0,
    "tests/endpoint/test_endpoint_process.py::test_a_command_line": 0,
    "tests/endpoint/test_endpoint_process.py::test_a_port": 0,
    "tests/scripts/test_download": 6,
    "tests/simulator/test_simulator_f": 3,
    "tests/simulator/test_simulator_windows.py": 3,
    "tests/test_client_example.py": 2,
    "tests/serverless/test_engine_faults.py::test_the_tiles": 0,
    "tests/serverless/test_engine_faults.py::test_out_of_memory_once": 2,
    "tests/serverless/test_storage.py::test_a_storage_that_never": 0,
    "tests/serverless/test_storage.py::test_a_slow": 0,
    "tests/serverless/test_broken_ffmpeg.py::test_a_file": 0,
    "tests/serverless/test_recall.py::test_an_upload_url_that": 0,
    "tests/serverless/test_recovery.py::test_while_it_prepares": 0,
    "tests/serverless/test_deadline.py::test_while_it_fetches": 0,
    "tests/serverless/test_deadline.py::test_while_it_encodes": 0,
    "tests/serverless/test_warm_up.py::test_a_worker": 0,
    "tests/serverless/test_cancel.py::test_while_it_encodes": 0,
    "tests/worker/test_road.py::test_together": 0,
    "tests/worker/test_road.py::test_one_speaker": 0,
    "tests/worker/test_road.py::test_a_long_voice": 0,
    "tests/worker/test_local_run.py::test_a_preview": 0,
    "tests/worker/test_local_run.py::test_a_run_that": 2,
    "tests/worker/test_voice.py::test_the_example": 0,
    "tests/worker/test_voice.py::test_without": 0,
    "tests/worker/test_dubbing.py::test_the_own": 0,
    "tests/client/test_client_command.py::test_a_video_that": 0,
    "tests/client/test_client_command.py::test_a_failed": 0,
    "tests/endpoint/test_endpoint_examples.py": 3,
    "tests/image/test_image_compose.py::test_the_endpoint": 0,
    "tests/test_hub.py::test_the_hubs": 3,
    "tests/recording": 2,
}


@cache
def _begins(file: str) -> list[str]:
    """Those above that may be the begin of a test's name in this file."""
    return [begin for begin in WIDE if file.startswith(begin.partition("::")[0])]


def mark(items: Iterable[pytest.Item]) -> None:
    """Mark what is named above `wide`. Raises pytest.UsageError for a name that is no test's."""
    seen: Counter[str] = Counter()
    for item in items:
        name = item.nodeid
        for begin in (begin for begin in _begins(name.partition("::")[0]) if name.startswith(begin)):
            kept = WIDE[begin] and seen[begin] % WIDE[begin] == 0
            seen[begin] += 1
            if not kept:
                item.add_marker("wide")
    gone = set(WIDE) - set(seen)
    if gone and len(seen) > len(WIDE) // 2:  # else only some tests are asked for
        raise pytest.UsageError(f"tests/wide.py names what is no test: {', '.join(sorted(gone))}")
