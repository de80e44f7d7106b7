"""`make audit`: what its exit code says, with a stand-in that answers in pip-audit's words."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parents[2]
FINE = '{"name": "fine", "version": "1.0", "vulns": []}'
FLAWED = '{"name": "flawed", "version": "1.0", "vulns": [{"id": "PYSEC-1", "fix_versions": ["1.1"]}]}'
SKIPPED = '{"name": "unknown", "skip_reason": "Dependency not found and could not be audited"}'
STAND_IN = """
import os, sys
assert {"--no-deps", "--disable-pip", "--timeout"} <= set(sys.argv)
lock = sys.argv[sys.argv.index("--requirement") + 1]
found = os.environ["FOUND"] if lock == "requirements.txt" else os.environ["FINE"]
if found == "offline":
    sys.exit("first line\\nServiceError: nobody answers")
print('{"dependencies": [' + found + '], "fixes": []}')
sys.exit("vulns" in found and "PYSEC" in found)
"""


def _audit(folder: Path, found: str) -> subprocess.CompletedProcess[str]:
    (folder / "pip_audit.py").write_text(STAND_IN)
    environment = {**os.environ, "PYTHONPATH": str(folder), "FOUND": found, "FINE": FINE}
    command = [sys.executable, "scripts/audit.py", "--timeout", "5"]
    return subprocess.run(command, cwd=REPOSITORY, env=environment, capture_output=True, text=True, check=False)


@pytest.mark.parametrize(
    ("found", "code", "says"),
    [
        (FINE, 0, "requirements.txt: 1 of 1 packages audited, 0 with known flaws"),
        (f"{FINE}, {FLAWED}", 1, "requirements.txt: flawed 1.0: PYSEC-1, fixed in: 1.1"),
        (f"{SKIPPED}, {FLAWED}", 1, "flawed 1.0: PYSEC-1"),
        (f"{FINE}, {SKIPPED}", 3, "not audited, the vulnerability service does not know them: unknown"),
        ("offline", 3, "not audited, the vulnerability service was not reached: ServiceError: nobody answers"),
        ("", 3, "0 of 0 packages audited"),
    ],
)
def test_the_exit_code_tells_known_flaws_from_an_audit_that_was_none(
    tmp_path: Path, found: str, code: int, says: str
) -> None:
    done = _audit(tmp_path, found)
    assert done.returncode == code
    assert says in done.stdout + done.stderr
    assert ("The audit is not complete" in done.stderr) == (code == 3)
    assert "comfyui-requirements.txt: 1 of 1 packages audited" in done.stdout


def test_its_own_packages_are_pinned() -> None:
    lock = (REPOSITORY / "requirements-audit.txt").read_text(encoding="utf-8")
    assert re.search(r"(?m)^pip-audit==\S+ \\$", lock)  # tests/image has what every lock must be
