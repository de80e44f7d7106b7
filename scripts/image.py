"""Builds the image and proves it: `make image`, or `python scripts/image.py --help`.

A target of docker-bake.hcl is built by the Docker engine that answers here, then proved by prove_image.py. What each
step of the build took, and what each layer takes, is told too. Needs nothing but Python and Docker.
"""

import argparse
import json
import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from prove_endpoint import hub_tests, served
from prove_image import Unproved, prove
from prove_models import look_for_token, proofs
from standin_models import StandInModels, standin_models

REPOSITORY = Path(__file__).resolve().parent.parent
NO_ENGINE = """\
No Docker engine answers, so that nothing was built or proved.
  Debian, Ubuntu: apt-get install docker.io docker-buildx, as root; then add yourself to the group docker.
  Elsewhere: Docker Desktop, or any engine that DOCKER_HOST names.
The build takes about 10 minutes on two cores without SageAttention, and 30 GB of disk; docs/deploy.md has more."""
NO_BUILDX = "docker buildx is missing: install docker-buildx (Debian, Ubuntu) or docker-buildx-plugin (Docker)."
TOLD_SECONDS, TOLD_BYTES = 2.0, 5_000_000
UNITS = {"B": 1, "kB": 1e3, "MB": 1e6, "GB": 1e9}


def runs(*command: str) -> bool:
    """Whether a command is there and succeeds."""
    if not shutil.which(command[0]):
        return False
    return subprocess.run(command, capture_output=True, check=False).returncode == 0


def definition(target: str, overrides: Sequence[str]) -> dict[str, Any]:
    """What docker-bake.hcl says of a target, with the environment's values for its variables.

    Raises:
        subprocess.CalledProcessError: there is no such target.
    """
    options = [text for override in overrides for text in ("--set", f"{target}.{override}")]
    command = ["docker", "buildx", "bake", "--file", "docker-bake.hcl", "--print", *options, target]
    told = subprocess.run(command, cwd=REPOSITORY, stdout=subprocess.PIPE, check=True, text=True).stdout
    found: dict[str, Any] = json.loads(told)["target"][target]
    return found


def build_command(target: dict[str, Any], network: str, push_sbom: str | None) -> list[str]:
    """The build of a target. `docker buildx bake` itself knows no network in its older versions.

    `push_sbom` is the value of --sbom; with it the image is pushed.
    """
    sent = ["--push", "--provenance", "mode=max", "--sbom", push_sbom] if push_sbom else ["--load"]
    command = ["docker", "buildx", "build", "--progress", "plain", *sent, "--network", network]
    for option, key in (("--platform", "platforms"), ("--tag", "tags"), ("--secret", "secret")):
        command += [text for value in target.get(key, ()) for text in (option, value)]
    for option, key in (("--cache-from", "cache-from"), ("--cache-to", "cache-to")):
        command += [text for value in target.get(key, ()) for text in (option, value)]
    for option, key in (("--build-arg", "args"), ("--build-context", "contexts")):
        command += [text for name, value in target.get(key, {}).items() for text in (option, f"{name}={value}")]
    return [*command, "--file", target["dockerfile"], target["context"]]


def build(command: Sequence[str]) -> list[str]:
    """Run it, show its log and return it. Raises subprocess.CalledProcessError."""
    lines = []
    with subprocess.Popen(
        command, cwd=REPOSITORY, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    ) as process:
        assert process.stdout is not None  # noqa: S101 - it was asked for
        for line in process.stdout:
            sys.stdout.write(line)
            sys.stdout.flush()
            lines.append(line.rstrip("\n"))
    if process.returncode:
        raise subprocess.CalledProcessError(process.returncode, command)
    return lines


def steps(log: Sequence[str]) -> list[tuple[float, str]]:
    """Seconds and name of each step that was run, as the log of a build has them; the longest first."""
    names: dict[str, str] = {}
    found = []
    for line in log:
        if named := re.match(r"#(\d+) (\[.*|exporting to image.*)", line):
            names.setdefault(named[1], named[2])
        elif done := re.match(r"#(\d+) DONE (\d+\.\d)s", line):
            found.append((float(done[2]), names.get(done[1], "?")))
    return sorted(found, reverse=True)


def layers(image: str) -> list[tuple[float, str]]:
    """Bytes and instruction of each layer of an image, the largest first."""
    command = ["docker", "history", "--no-trunc", "--format", "{{.Size}}\t{{.CreatedBy}}", image]
    told = subprocess.run(command, stdout=subprocess.PIPE, check=True, text=True).stdout
    found = []
    for line in told.splitlines():
        size, _, made = line.partition("\t")
        number, unit = re.fullmatch(r"([\d.e+-]+)(\w+)", size.strip()).groups()  # type: ignore[union-attr] # its form
        made = re.sub(r"^RUN .*?-c |# buildkit$", "", made).strip() or "the base image"
        found.append((float(number) * UNITS[unit], made))
    return sorted(found, reverse=True)


def report(image: str, log: Sequence[str], seconds: float) -> None:
    """Say where time and room went."""
    sizes = layers(image)
    print(f"\n{sum(size for size, _ in sizes) / 1e9:.2f} GB in {sum(size > 0 for size, _ in sizes)} layers:")
    for size, made in sizes:
        if size >= TOLD_BYTES:
            print(f"  {size / 1e6:7.0f} MB  {made[:100]}")
    print(f"\nbuilt in {seconds:.0f} s:")
    for took, name in steps(log):
        if took >= TOLD_SECONDS:
            print(f"  {took:7.1f} s   {name[:100]}")


def parse() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description="Builds a target of docker-bake.hcl and proves it.")
    parser.add_argument("target", nargs="?", default="worker", help="worker, worker-sage or with-models")
    parser.add_argument("--network", default="default", help="host: for an engine that has no bridge")
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", help="as for docker buildx bake")
    parser.add_argument("--push", action="store_true", help="push it, with provenance and SBOM, in place of the proof")
    parser.add_argument("--sbom", default="true", help="generator=IMAGE: made by another scanner than BuildKit's own")
    parser.add_argument("--built", metavar="IMAGE", help="prove this image instead of building one")
    parser.add_argument(
        "--standin-models",
        type=Path,
        metavar="FOLDER",
        help="for with-models: these small files, of scripts/make_tiny_models.py, in place of 35 GB; --network host",
    )
    return parser.parse_args()


def main() -> int:
    """Build, prove, report."""
    asked = parse()
    if not runs("docker", "version"):
        print(NO_ENGINE, file=sys.stderr)
        return 1
    if not asked.built and not runs("docker", "buildx", "version"):
        print(NO_BUILDX, file=sys.stderr)
        return 1
    with ExitStack() as stack:
        standin = stack.enter_context(standin_models(asked.standin_models)) if asked.standin_models else None
        return proved(asked.built, standin) if asked.built else make(asked, standin)


def make(asked: argparse.Namespace, standin: StandInModels | None) -> int:
    """Build the target; push it, or report and prove it."""
    begun = time.monotonic()
    if standin:
        os.environ["HF_TOKEN"] = standin.token  # where the target's secret takes it from
        asked.set += [f"contexts.model-list={standin.list_folder}", f"args.HF_ENDPOINT={standin.endpoint}"]
    try:
        target = definition(asked.target, asked.set)
        log = build(build_command(target, asked.network, asked.sbom if asked.push else None))
    except subprocess.CalledProcessError as error:
        return error.returncode or 1
    if asked.push:
        return 0
    (image, *_) = target["tags"]
    report(image, log, time.monotonic() - begun)
    return proved(image, standin, log)


def proved(image: str, standin: StandInModels | None = None, log: Sequence[str] = ()) -> int:
    """The exit code of all proofs that suit an image. Without the log of its build nothing is known of a token."""
    try:
        if standin and log:
            look_for_token(image, standin.token, log)
        more = proofs(image, standin)
    except Unproved as error:
        print(f"NOT PROVED: {error}", file=sys.stderr)
        return 1
    return prove(image, [hub_tests, served, *more])


if __name__ == "__main__":
    sys.exit(main())
