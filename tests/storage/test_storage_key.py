"""The key of a job's video."""

import pytest

from storage.base import storage_key


@pytest.mark.parametrize("key", ["talk.mp4", "customer-7/2026/talk_1.final.mp4", "no-suffix"])
def test_the_callers_key_is_taken_as_it_came(key: str) -> None:
    assert storage_key(key, "job") == key


@pytest.mark.parametrize(
    ("job_id", "key"),
    [
        ("8f3a-e1", "8f3a-e1.mp4"),
        ("sync_1.A", "sync_1.A.mp4"),
        ("a/b\\c d", "a-b-c-d.mp4"),
        ("../../etc", "..-..-etc.mp4"),
        ("jöb%\n", "j-b--.mp4"),
    ],
)
def test_without_one_the_job_id_is_made_safe(job_id: str, key: str) -> None:
    assert storage_key(None, job_id) == key
