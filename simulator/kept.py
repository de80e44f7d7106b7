"""What this project's node pack keeps of finished windows (`comfy_nodes/resume.py`): here, their number alone."""

from pathlib import Path

STATES = "resume-*.pt"


class Kept:
    """The windows of one job that are there.

    Args:
        folder: has the folders of the job's frames, one for each attempt.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        states = sorted(folder.glob(STATES))
        self.windows = int(states[-1].stem.partition("-")[2]) if states else 0

    def keep(self, windows: int) -> None:
        """So many are there now."""
        older = sorted(self._folder.glob(STATES))
        (self._folder / STATES.replace("*", f"{windows:05d}")).touch()
        for path in older:
            path.unlink()
