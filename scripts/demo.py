"""`make demo`: one portrait and one voice through every room of the worker, with the simulator as engine.

Runs `python handler.py --test_input` on an example, as a user would, and shows where the video is.
`make demo EXAMPLE=two-turns` runs another of examples/.
"""

import json
import os
import subprocess
import sys
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parent.parent
EXAMPLES = REPOSITORY / "examples"
PICK = {
    "ENGINE": "simulator",
    "COMFYUI_URL": "",
    "INPUT_ROOTS": str(EXAMPLES),
    "LOG_FORMAT": "text",
    "STORAGE": "local",
    "OUTPUT_DIR": str(REPOSITORY / "output"),
}


def main() -> int:
    """Run the example that was asked for; the exit code is the worker's."""
    name = sys.argv[1] if len(sys.argv) > 1 else "one-speaker"
    request = EXAMPLES / f"{name}.json"
    if not request.is_file():
        names = ", ".join(sorted(path.stem for path in EXAMPLES.glob("*.json")))
        print(f"there is no example '{name}'; there are: {names}", file=sys.stderr)
        return 2
    job = json.loads(request.read_text(encoding="utf-8"))
    print(f"examples/{name}.json -> the worker, with the simulator in place of ComfyUI\n", flush=True)
    environment = {**os.environ, **PICK}
    environment.setdefault("SIMULATOR_SPEED", "2")
    command = [sys.executable, "handler.py", "--test_input", json.dumps(job)]
    code = subprocess.run(command, cwd=REPOSITORY, env=environment, check=False).returncode
    if code == 0 and not job["input"].get("dry_run"):
        print(f"\nplay it: {REPOSITORY / 'output' / job['input']['output_key']}")
    return code


if __name__ == "__main__":
    sys.exit(main())
