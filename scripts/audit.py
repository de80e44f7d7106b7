"""Asks a vulnerability service about every package of the locks: `make audit`.

Runs with an interpreter that has pip-audit (requirements-audit.txt). Further arguments go to pip-audit, such as
`--vulnerability-service osv`. Nothing is installed.

Exit codes: 0 nothing is known of any package; 1 something is known; 3 not every package could be asked about,
and nothing is known of the others. pip-audit itself calls a package that the service does not know a success.
"""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

REPOSITORY = Path(__file__).resolve().parent.parent
LOCKS = ("requirements.txt", "docker/comfyui-requirements.txt", "docker/sage-requirements.txt")
VULNERABLE, NOT_ASKED = 1, 3
SHOWN = 5


def audited(lock: str, arguments: list[str]) -> list[dict[str, Any]] | None:
    """What pip-audit found about each package of a lock; None, said on standard error, where it found nothing out."""
    options = ("--no-deps", "--disable-pip", "--progress-spinner", "off", "--format", "json")
    command = [sys.executable, "-m", "pip_audit", *options, "--requirement", lock, *arguments]
    done = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, check=False)
    try:
        found: list[dict[str, Any]] = json.loads(done.stdout)["dependencies"]
    except (ValueError, KeyError):
        reason = (done.stderr.strip() or "it said nothing").rsplit("\n", 1)[-1]
        print(f"{lock}: not audited, the vulnerability service was not reached: {reason}", file=sys.stderr)
        return None
    return found


def report(lock: str, found: list[dict[str, Any]]) -> int:
    """Say what was found; the exit code of this lock."""
    known = [package for package in found if package.get("vulns")]
    skipped = [package["name"] for package in found if "skip_reason" in package]
    for package in known:
        for flaw in package["vulns"]:
            fixed = ", ".join(flaw.get("fix_versions", ())) or "none yet"
            print(f"{lock}: {package['name']} {package['version']}: {flaw['id']}, fixed in: {fixed}")
    print(f"{lock}: {len(found) - len(skipped)} of {len(found)} packages audited, {len(known)} with known flaws")
    if skipped:
        more = ", …" if len(skipped) > SHOWN else ""
        names = ", ".join(skipped[:SHOWN])
        print(f"{lock}: not audited, the vulnerability service does not know them: {names}{more}", file=sys.stderr)
    return VULNERABLE if known else NOT_ASKED if skipped or not found else 0


def main() -> int:
    """Audit every lock."""
    codes = set()
    for lock in LOCKS:
        found = audited(lock, sys.argv[1:])
        codes.add(NOT_ASKED if found is None else report(lock, found))
    if VULNERABLE in codes:
        return VULNERABLE
    if NOT_ASKED in codes:
        print(
            "The audit is not complete: run it again where the vulnerability service can be reached.", file=sys.stderr
        )
        return NOT_ASKED
    return 0


if __name__ == "__main__":
    sys.exit(main())
