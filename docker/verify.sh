#!/usr/bin/env bash
# Proves the finished image without a GPU; any failure stops the build. Run as the user that the worker will be.
# The variables let it run against an installation elsewhere.
set -euo pipefail
comfyui=${COMFYUI_DIR:-/opt/ComfyUI} comfyui_python=${COMFYUI_PYTHON:-/opt/comfyui-venv/bin/python}
worker=${WORKER_DIR:-/app} worker_python=${WORKER_PYTHON:-/opt/worker-venv/bin/python}
here=$(cd "$(dirname "$0")" && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

step() { printf '== %s\n' "$*"; }

step "both environments are consistent"
"$comfyui_python" -m pip check
"$worker_python" -m pip check

step "Triton, which SageAttention uses, can compile its launchers: a C compiler and Python's headers"
printf '#include <Python.h>\nint launcher(void) { return PY_MAJOR_VERSION; }\n' >"$work/launcher.c"
headers=$("$comfyui_python" -c 'import sysconfig; print(sysconfig.get_path("include"))')
gcc -shared -fPIC -I"$headers" -o "$work/launcher.so" "$work/launcher.c"

step "SageAttention's kernels load, if it is there"
"$comfyui_python" "$here/verify_sage.py"

step "ComfyUI starts with the node pack, and with our own beside it"
mkdir "$work/nodes"
ln -s "$worker/comfy_nodes" "$work/nodes/" # alone, as the worker has it
lock=()
[ -z "${COMFYUI_LOCK:-}" ] || lock=(--lock "$COMFYUI_LOCK")
"$comfyui_python" "$here/verify_comfyui.py" "${lock[@]}" --our-nodes "$work/nodes" "$comfyui" "$work/comfyui" \
  "$worker/workflows/multitalk.json" "$worker/workflows/infinitetalk.json"

step "the worker imports, without torch (the SDK's start-up checks would open a CUDA context in it)"
cd "$worker"
"$worker_python" -c 'import importlib.util, handler, runpod; assert importlib.util.find_spec("torch") is None, "torch"'

step "the face detector works"
"$worker_python" -c 'from media.faces import check_detector; check_detector(run=True)'

step "the worker makes a video, with the simulator in ComfyUI's place"
mkdir "$work/in" "$work/out"
ffmpeg() { "$("$worker_python" -c 'import imageio_ffmpeg; print(imageio_ffmpeg.get_ffmpeg_exe())')" -hide_banner "$@"; }
ffmpeg -v error -f lavfi -i testsrc=size=400x704 -frames:v 1 "$work/in/portrait.png"
ffmpeg -v error -f lavfi -i sine=frequency=220:duration=1 "$work/in/voice.wav"
job='{"input": {"image_url": "%s/in/portrait.png", "audio_urls": ["%s/in/voice.wav"], "output_key": "verify.mp4"}}'
# shellcheck disable=SC2059 # the job is the format
ENGINE=simulator SIMULATOR_SPEED=0 STORAGE=local OUTPUT_DIR="$work/out" INPUT_ROOTS="$work/in" WORK_DIR="$work/job" \
  LOG_FORMAT=text "$worker_python" -u handler.py --test_input "$(printf "$job" "$work" "$work")"
length=$(ffmpeg -i "$work/out/verify.mp4" -map 0 -c copy -f null - 2>&1 | sed -n 's/^ *Duration: \([^,]*\),.*/\1/p')
[[ $length =~ ^00:00:01\.0 ]] || { echo "the video lasts $length instead of 1 s" >&2 && exit 1; }

step "everything is as it should be"
