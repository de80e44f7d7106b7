"""`make image`: what is built, and what is told of it, with a stand-in for Docker that answers in its words."""

import json
import os
import re
import subprocess
import sys
from hashlib import sha256
from pathlib import Path

import pytest

from tests.image.dockerfile import DOCKERFILE, REPOSITORY

BAKE = (REPOSITORY / "docker-bake.hcl").read_text("utf-8")
TARGET = {
    "context": ".",
    "dockerfile": "Dockerfile",
    "args": {"CUDA_BASE": "standin", "WITH_SAGE": "0"},
    "tags": ["talking-video-worker:worker"],
    "secret": ["id=hf_token,env=HF_TOKEN"],
    "platforms": ["linux/amd64"],
}
LOG = """\
#7 [base 2/4] RUN apt-get update
#7 0.215 + apt-get update
#8 [worker 1/2] COPY workflows/ workflows/
#7 DONE 101.5s
#9 [base 3/4] RUN useradd
#8 DONE 0.1s
#9 CACHED
#10 exporting to image
#10 DONE 30.2s"""
HISTORY = (
    "24B\tCOPY /tmp/verified /opt/docker/verified # buildkit\n4.57GB\tRUN /bin/bash -c pip install # buildkit\n293MB\t"
)
DOCKER = """\
#!/bin/sh
echo "$@" >>{folder}/asked
case "$*" in
  *--print*) cat {folder}/target ;;
  *"buildx build"*) cat {folder}/log ;;
  history*) cat {folder}/history ;;
  inspect*Labels*) cat {folder}/label ;;
  save*) cat {folder}/saved ;;
  inspect*) echo '[]' ;;
  version|"buildx version") ;;
  *) echo "no room for a volume" >&2; exit 1 ;;
esac
"""


# Builds an image of nothing, but fetches one of the models as the Dockerfile does, and puts the token into one place.
BUILDER = """\
#!{python}
import gzip, io, json, os, pathlib, sys, tarfile, urllib.error, urllib.request
folder, place, asked = pathlib.Path("{folder}"), "{place}", sys.argv[1:]
token = os.environ.get("HF_TOKEN", "")
def get(url, **headers):
    try:
        return urllib.request.urlopen(urllib.request.Request(url, headers=headers)).read().decode()
    except urllib.error.HTTPError as error:
        return error.code
if "--print" in asked:
    given = dict(text.partition(".")[2].split("=", 1) for text in asked if text.startswith("with-models."))
    target = dict(context=".", dockerfile="Dockerfile", tags=["with-models"])
    target["args"] = dict(HF_ENDPOINT=given["args.HF_ENDPOINT"])
    target["contexts"] = {{"model-list": given["contexts.model-list"]}}
    print(json.dumps(dict(target={{"with-models": target}})))
elif asked[:2] == ["buildx", "build"]:
    given = dict(text.split("=", 1) for text in asked if "=" in text)
    models = json.loads(pathlib.Path(given["model-list"], "models.json").read_text())["models"]
    (vae,) = [model for model in models if model["role"] == "vae"]
    url = given["HF_ENDPOINT"] + "/{{repository}}/resolve/{{revision}}/{{path}}".format_map(vae)
    found = {{"with its token": get(url, Authorization="Bearer " + token), "without": get(url)}}
    (folder / "fetched").write_text(json.dumps(found | dict(listed=[vae["bytes"], vae["sha256"]])))
    print(token if place == "log" else "built")
elif asked[0] == "history":
    print("1B\t" + token if place == "history" else "1B\tCOPY")
elif asked[0] == "save":
    layer = b"x" * 300000 + (token.encode() if place in ("saved", "packed") else b"") + b"x" * 100
    layer = gzip.compress(layer[:5]) + gzip.compress(layer[5:]) if place == "packed" else layer
    with tarfile.open(fileobj=sys.stdout.buffer, mode="w|") as archive:
        member = tarfile.TarInfo("blobs/sha256/layer")
        member.size = len(layer)
        archive.addfile(member, io.BytesIO(layer))
elif asked[0] in ("version", "buildx", "inspect"):
    print("none")
else:
    sys.exit("no room for a volume")
"""


def _image(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    (folder / "docker").chmod(0o755)
    (folder / "label").write_text("none\n")
    command = [sys.executable, str(REPOSITORY / "scripts" / "image.py"), *arguments]
    environment = {**os.environ, "PATH": f"{folder}:{os.environ['PATH']}"}
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=False)


def test_without_an_engine_it_says_how_to_get_one(tmp_path: Path) -> None:
    (tmp_path / "docker").write_text("#!/bin/sh\nexit 1\n")
    done = _image(tmp_path)
    assert done.returncode == 1
    assert "No Docker engine answers" in done.stderr
    assert "apt-get install docker.io docker-buildx" in done.stderr


def test_it_tells_steps_by_time_and_layers_by_size_and_fails_without_a_proof(tmp_path: Path) -> None:
    (tmp_path / "docker").write_text(DOCKER.format(folder=tmp_path))
    (tmp_path / "target").write_text(json.dumps({"target": {"worker": TARGET}}))
    (tmp_path / "log").write_text(LOG)
    (tmp_path / "history").write_text(HISTORY)
    done = _image(tmp_path, "--network", "host", "--set", "args.WITH_SAGE=0")
    asked = (tmp_path / "asked").read_text().splitlines()
    assert "buildx bake --file docker-bake.hcl --print --set worker.args.WITH_SAGE=0 worker" in asked
    (build,) = [line for line in asked if line.startswith("buildx build")]
    for part in (
        *("--network host", "--platform linux/amd64", "--tag talking-video-worker:worker", "--load"),
        *("--build-arg CUDA_BASE=standin", "--secret id=hf_token,env=HF_TOKEN", "--file Dockerfile ."),
    ):
        assert part in build
    told = done.stdout.splitlines()
    assert "4.86 GB in 3 layers:" in told
    assert [line.split()[0] for line in told if " MB  " in line] == ["4570", "293"]
    seconds = [line.split(maxsplit=2) for line in told if re.match(r" +\d+\.\d s  ", line)]
    assert seconds == [["101.5", "s", "[base 2/4] RUN apt-get update"], ["30.2", "s", "exporting to image"]]
    assert done.returncode == 1
    assert "NOT PROVED: docker volume create" in done.stderr
    assert "no room for a volume" in done.stderr


def test_what_is_pushed_says_how_it_was_made(tmp_path: Path) -> None:
    (tmp_path / "docker").write_text(DOCKER.format(folder=tmp_path))
    (tmp_path / "target").write_text(json.dumps({"target": {"worker": {**TARGET, "cache-to": ["type=registry"]}}}))
    (tmp_path / "log").write_text(LOG)
    assert _image(tmp_path, "--push").returncode == 0
    build = (tmp_path / "asked").read_text().splitlines()[-1]
    assert "--push --provenance mode=max --sbom true" in build
    assert "--cache-to type=registry" in build
    assert "--load" not in build
    assert _image(tmp_path, "--push", "--sbom", "generator=scanner").returncode == 0
    assert "--sbom generator=scanner " in (tmp_path / "asked").read_text().splitlines()[-1]


@pytest.mark.parametrize(
    ("place", "said"),
    [
        ("log", "the build's log"),
        ("history", "the image's history"),
        ("saved", "a layer of the image"),
        ("packed", "a layer of the image"),
        ("", "no room"),
    ],
)
def test_small_files_stand_in_for_models_and_the_token_they_ask_for_is_nowhere(
    tmp_path: Path, place: str, said: str
) -> None:
    (tmp_path / "models" / "vae").mkdir(parents=True)
    (tmp_path / "models" / "vae" / "wan_2.1_vae.safetensors").write_bytes(b"small")
    (tmp_path / "docker").write_text(BUILDER.format(python=sys.executable, folder=tmp_path, place=place))
    done = _image(tmp_path, "with-models", "--standin-models", str(tmp_path / "models"))
    fetched = json.loads((tmp_path / "fetched").read_text())
    assert fetched == {"with its token": "small", "without": 401, "listed": [5, sha256(b"small").hexdigest()]}
    assert done.returncode == 1
    assert f"NOT PROVED: {said}" in done.stderr or (not place and said in done.stderr)


BUILDERS = """\
#!/bin/sh
case "$*" in
  "buildx use talking-video") [ -e {folder}/made ] ;;
  "buildx create --name talking-video --driver docker-container --use") mkdir {folder}/made ;;
  *) exit 9 ;;
esac
"""


def test_the_builder_of_a_machine_that_released_before_is_used_again(tmp_path: Path) -> None:
    (tmp_path / "docker").write_text(BUILDERS.format(folder=tmp_path))
    (tmp_path / "docker").chmod(0o755)
    for _ in range(2):
        command = ["make", "builder", f"PATH={tmp_path}:{os.environ['PATH']}"]
        done = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        assert (tmp_path / "made").is_dir()


def test_every_argument_of_a_target_is_one_of_the_dockerfile() -> None:
    given = set(re.findall(r"(?m)^ +([A-Z_]+) += ", BAKE)) | set(re.findall(r"[{,] ([A-Z_]+) = ", BAKE))
    taken = set(DOCKERFILE.arguments)
    for instruction in DOCKERFILE.instructions:
        if instruction.name == "ARG":
            taken |= {word.partition("=")[0] for word in instruction.words}
    assert given >= {"CUDA_BASE", "CUDA_DEVEL", "WITH_SAGE", "SAGE_TARGETS", "MODELS", "BASE"}
    assert given >= {"VERSION", "REVISION", "SOURCE"}
    assert given <= taken


@pytest.mark.parametrize("target", ["worker", "worker-sage", "with-models"])
def test_there_is_a_target_for_each_image(target: str) -> None:
    assert f'target "{target}"' in BAKE
