# The talking-video worker with its ComfyUI, for RunPod serverless and for your own GPU. Needs BuildKit (Docker 23+).
#
#   docker build --platform linux/amd64 -t talking-video-worker .
#
# build argument  values                                  meaning
# MODELS          none, multitalk, infinitetalk, all      models to put into the image (none: they come from the volume)
# BASE            q4_k_m, q8_0, fp8                       base model to download, and the worker's default BASE_MODEL
# WITH_SAGE       0, 1 (or no, yes; off, on)              do without SageAttention, or compile it (half an hour and more);
#                                                         written small, as Docker takes it for a part of a name
# SAGE_TARGETS    such as 8.9 or 8.0;9.0                  compile it for these GPU generations alone: 8.0 A100; 8.6 3090,
#                                                         A40, A6000; 8.9 4090, L4, L40S; 9.0 H100, H200; 12.0 5090
# MAX_JOBS        a number (2)                            its compilers at a time, and
# NVCC_THREADS    a number (2)                            the GPU generations that each compiles at a time: up to 3 GB of
#                                                         RAM for each of them (4.7 GB measured for two)
# HF_ENDPOINT     an address                              a mirror for MODELS
# SOURCE, REVISION, VERSION                               address and commit of this repository, and version of the
#                                                         worker, for the image's labels
#
# MODELS from a repository that asks who you are: --secret id=hf_token,env=HF_TOKEN
# Another list of models than workflows/models.json: --build-context model-list=FOLDER, where FOLDER has a models.json
# RunPod builds from GitHub for 30 min at most and without arguments: hence WITH_SAGE=0. Releases are built with 1.
#
# What changes least comes first, so that a change of the worker's code costs seconds.
# apt versions are not pinned: Ubuntu's archive drops old ones, and the base image's digest fixes the release.

# CUDA 12.8 is the first that knows Blackwell (12.0). Ubuntu 24.04 brings Python 3.12.
# "base" has none of CUDA's libraries: torch's own packages bring all that it uses.
ARG CUDA_BASE=nvidia/cuda:12.8.1-base-ubuntu24.04@sha256:133c78a0575303be34164d0b90137a042172bdf60696af01a3c424ab402d86e2
ARG CUDA_DEVEL=nvidia/cuda:12.8.1-devel-ubuntu24.04@sha256:520292dbb4f755fd360766059e62956e9379485d9e073bbd2f6e3c20c270ed66

# The one place for these pins; tests/image holds everything else in the repository against them.
ARG COMFYUI_COMMIT=a125cd84b054a57729b5eecab930ca9408719832
ARG WANVIDEOWRAPPER_COMMIT=088128b224242e110d3906c6750e9a3a348a659b
# 2.2.0 with the fixes after its tag: at the tag, the Hopper kernel's name is taken by its stand-in for torch.compile,
# which computes nothing.
ARG SAGEATTENTION_COMMIT=d1a57a546c3d395b1ffcbeecc66d81db76f3b4b5

ARG MODELS=none
ARG BASE=q4_k_m
ARG WITH_SAGE=0


# --- what every stage stands on --------------------------------------------------------------------------------------
FROM ${CUDA_BASE} AS base
SHELL ["/bin/bash", "-euxo", "pipefail", "-c"]
# No ffmpeg: the worker's comes as a package of Python's, and Debian's brings Mesa and LLVM along.
# gcc and Python's headers: Triton, which SageAttention's kernels use, compiles its launchers when a job first needs them.
# hadolint ignore=DL3008
RUN apt-get update; \
    DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends \
      aria2 ca-certificates curl gcc libc6-dev python3 python3-dev python3-venv; \
    rm -rf /var/lib/apt/lists/*; \
    python3 -c 'import sys; assert sys.version_info[:2] == (3, 12), sys.version'
# RunPod honours an image's user, and mounts volumes owned by root: the worker only reads them. Group 0 lets it read
# what root's group may. The home and /output are open to all, so that `--user` may name anybody.
RUN useradd --uid 10001 --gid 0 --create-home --home-dir /home/worker --shell /usr/sbin/nologin worker; \
    install -d -m 1777 /home/worker /output


# --- ComfyUI's environment: 8 GB in three layers that are pulled side by side ----------------------------------------
# A part of the lock that is as it was keeps its layer, whatever moved in the others.
FROM base AS locks
WORKDIR /opt/locks
COPY docker/comfyui-requirements.txt /opt/locks/
RUN awk '/^[a-z0-9]/ { part = "others" } \
         /^nvidia-/ { part = "nvidia" } \
         /^(torch|torchaudio|torchvision|triton)==/ { part = "torch" } \
         !/^#/ { print >(part ".txt") }' comfyui-requirements.txt

FROM base AS comfyui-env
RUN python3 -m venv /opt/comfyui-venv
# --no-deps: the lock is complete, `pip check` proves it, and nothing that it does not name gets in.
COPY --from=locks /opt/locks/nvidia.txt /opt/locks/
RUN /opt/comfyui-venv/bin/pip install --no-cache-dir --no-deps --only-binary :all: --require-hashes -r /opt/locks/nvidia.txt
COPY --from=locks /opt/locks/torch.txt /opt/locks/
RUN /opt/comfyui-venv/bin/pip install --no-cache-dir --no-deps --only-binary :all: --require-hashes -r /opt/locks/torch.txt
COPY --from=locks /opt/locks/others.txt /opt/locks/
RUN /opt/comfyui-venv/bin/pip install --no-cache-dir --no-deps --only-binary :all: --require-hashes -r /opt/locks/others.txt
COPY docker/comfyui-requirements.txt /opt/locks/
RUN /opt/comfyui-venv/bin/pip check; \
    /opt/comfyui-venv/bin/python -c 'import torch; assert torch.version.cuda == "12.8", torch.version.cuda'


# --- ComfyUI and the one node pack, by commit ------------------------------------------------------------------------
FROM base AS comfyui
# hadolint ignore=DL3008
RUN apt-get update; \
    DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends git; \
    rm -rf /var/lib/apt/lists/*
COPY docker/fetch_commit.sh /opt/docker/
ARG COMFYUI_COMMIT
RUN /opt/docker/fetch_commit.sh https://github.com/Comfy-Org/ComfyUI "$COMFYUI_COMMIT" /opt/ComfyUI
ARG WANVIDEOWRAPPER_COMMIT
# The worker's user cannot write here: without the bytecode, every start would compile the sources anew.
RUN /opt/docker/fetch_commit.sh https://github.com/kijai/ComfyUI-WanVideoWrapper "$WANVIDEOWRAPPER_COMMIT" \
      /opt/ComfyUI/custom_nodes/ComfyUI-WanVideoWrapper; \
    python3 -m compileall -q -j 0 /opt/ComfyUI


# --- SageAttention, as a wheel that may be absent: the image works without it ----------------------------------------
FROM base AS sage-0
RUN mkdir /wheels

FROM ${CUDA_DEVEL} AS sage-1
SHELL ["/bin/bash", "-euxo", "pipefail", "-c"]
# hadolint ignore=DL3008
RUN apt-get update; \
    DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends g++ git python3 python3-dev python3-venv; \
    rm -rf /var/lib/apt/lists/*
# The same environment, as the wheel must fit this very torch.
COPY --from=comfyui-env /opt/comfyui-venv /opt/comfyui-venv
COPY docker/fetch_commit.sh docker/build_sage.py docker/sage-requirements.txt /opt/docker/
RUN /opt/comfyui-venv/bin/pip install --no-cache-dir --no-deps --only-binary :all: --require-hashes -r /opt/docker/sage-requirements.txt
ARG SAGEATTENTION_COMMIT
RUN /opt/docker/fetch_commit.sh https://github.com/thu-ml/SageAttention "$SAGEATTENTION_COMMIT" /opt/sage
# A100; 3090, A40, A6000; 4090, L4, L40S; H100, H200; 5090, RTX PRO 6000.
ARG SAGE_TARGETS="8.0;8.6;8.9;9.0;12.0"
ARG MAX_JOBS=2
ARG NVCC_THREADS=2
RUN mkdir /wheels; \
    bin=$(/opt/comfyui-venv/bin/python -c 'import pathlib, triton; print(pathlib.Path(triton.__file__).parent / "backends/nvidia/bin")'); \
    PATH="/opt/comfyui-venv/bin:$PATH" CUOBJDUMP="$bin/cuobjdump" TORCH_CUDA_ARCH_LIST="$SAGE_TARGETS" \
      CUDA_HOME=/usr/local/cuda LIBRARY_PATH=/usr/local/cuda/lib64/stubs EXT_PARALLEL=1 MAX_JOBS="$MAX_JOBS" \
      NVCC_THREADS="$NVCC_THREADS" python /opt/docker/build_sage.py /opt/sage /wheels

# A name that no stage has would be looked for in a registry: the other ways to say it are stages, too.
FROM sage-0 AS sage-no
FROM sage-0 AS sage-false
FROM sage-0 AS sage-off
FROM sage-1 AS sage-yes
FROM sage-1 AS sage-true
FROM sage-1 AS sage-on

# hadolint ignore=DL3006
FROM sage-${WITH_SAGE:-0} AS sage


# --- beside all that, at once: a wrong argument ends the build before half an hour of compiling ------------------------
FROM base AS arguments
COPY docker/check_arguments.sh /opt/docker/
ARG SAGE_TARGETS
ARG MAX_JOBS
ARG NVCC_THREADS
RUN /opt/docker/check_arguments.sh; \
    echo "docker/check_arguments.sh passed" >/tmp/checked


# --- models, if asked for --------------------------------------------------------------------------------------------
FROM scratch AS model-list
COPY workflows/models.json /

FROM base AS models
COPY docker/part_models.sh /opt/docker/
COPY scripts/download_models.sh scripts/fetch_model.sh scripts/transfer_model.sh /opt/download/scripts/
COPY --from=model-list /models.json /opt/download/workflows/
ARG MODELS
ARG BASE
ARG HF_ENDPOINT=https://huggingface.co
# The token is a file that the script reads: as a variable, the shell would print it into the build's log.
RUN --mount=type=secret,id=hf_token \
    case "$BASE" in q4_k_m|q8_0|fp8) ;; *) echo "BASE=$BASE: use q4_k_m, q8_0 or fp8" >&2; exit 2 ;; esac; \
    case "$MODELS" in \
      none) /opt/docker/part_models.sh /opt/models /opt/parts </dev/null ;; \
      multitalk|infinitetalk|all) \
        HF_TOKEN_PATH=/run/secrets/hf_token /opt/download/scripts/download_models.sh --mode "$MODELS" --base "$BASE" --dest /opt/models; \
        /opt/download/scripts/download_models.sh --mode "$MODELS" --base "$BASE" --list >/opt/list; \
        /opt/docker/part_models.sh /opt/models /opt/parts </opt/list ;; \
      *) echo "MODELS=$MODELS: use none, multitalk, infinitetalk or all" >&2; exit 2 ;; \
    esac


# --- the worker's environment: no torch, or the SDK's start-up checks would hold a CUDA context in the worker --------
FROM base AS worker-env
COPY requirements.txt /opt/locks/worker-requirements.txt
RUN python3 -m venv /opt/worker-venv; \
    /opt/worker-venv/bin/pip install --no-cache-dir --no-deps --only-binary :all: --require-hashes -r /opt/locks/worker-requirements.txt; \
    rm /opt/worker-venv/lib/python3*/site-packages/c2pa/libs/*.rlib; \
    /opt/worker-venv/bin/pip check


# --- all of it together ----------------------------------------------------------------------------------------------
FROM comfyui-env AS worker
COPY --from=comfyui /opt/ComfyUI /opt/ComfyUI
RUN --mount=type=bind,from=sage,source=/wheels,target=/wheels \
    find /wheels -name '*.whl' -exec /opt/comfyui-venv/bin/pip install --no-cache-dir --no-index --no-deps {} +
COPY --from=models /opt/parts/base/ /opt/models/
COPY --from=models /opt/parts/talk/ /opt/models/
COPY --from=models /opt/parts/others/ /opt/models/
COPY --from=worker-env /opt/worker-venv /opt/worker-venv

WORKDIR /app
COPY docker/NOTICE /NOTICE
COPY docker/healthcheck.sh /opt/docker/
COPY workflows/ workflows/
COPY --from=model-list /models.json workflows/
COPY scripts/download_models.sh scripts/fetch_model.sh scripts/transfer_model.sh scripts/
COPY contract/ contract/
COPY sources/ sources/
COPY media/ media/
COPY storage/ storage/
COPY comfy_client/ comfy_client/
COPY comfy_nodes/ comfy_nodes/
COPY simulator/ simulator/
COPY job/ job/
COPY worker/ worker/
COPY handler.py LICENSE ./
RUN python3 -m compileall -q /app

ARG BASE
# USER and HOME: torch and Triton ask for a name and a home, which a `--user` of your own has not.
# HF_HUB_OFFLINE: no node fetches a model in the middle of a job; what is missing is said at the start.
# RUNPOD_INIT_TIMEOUT: seconds until RunPod calls a starting worker unhealthy; 7 minutes are short for a cold disk.
# The SDK's own checks of disk, memory, network and GPU are off (handler.py): worker/startup.py has those that this
# worker needs, a dead card among them.
ENV BASE_MODEL=${BASE} \
    HF_HUB_OFFLINE=1 \
    HOME=/home/worker \
    OUTPUT_DIR=/output \
    PYTHONUNBUFFERED=1 \
    RUNPOD_INIT_TIMEOUT=900 \
    USER=worker
USER 10001:0
STOPSIGNAL SIGTERM
# RunPod goes by the SDK's pings; this is for your own Docker. The start may take as long as RUNPOD_INIT_TIMEOUT.
HEALTHCHECK --interval=30s --timeout=5s --start-period=900s --retries=3 CMD ["/opt/docker/healthcheck.sh"]
# The main process, not the child of a shell: the container ends with it, also when it is killed.
# The base image's own entrypoint is a script that prints a banner, also before the reply of a --test_input.
ENTRYPOINT []
CMD ["/opt/worker-venv/bin/python", "-u", "handler.py"]


# --- proof, without a GPU: `docker build --target verify` runs it alone -----------------------------------------------
FROM worker AS verify
COPY --from=arguments /tmp/checked /opt/docker/arguments-checked
COPY docker/verify.sh docker/verify_comfyui.py docker/verify_sage.py /opt/docker/
RUN COMFYUI_LOCK=/opt/locks/comfyui-requirements.txt /opt/docker/verify.sh; \
    echo "docker/verify.sh passed" >/tmp/verified


# --- the image, which exists only if the proof passed ----------------------------------------------------------------
FROM worker AS final
COPY --from=verify /tmp/verified /opt/docker/verified
ARG COMFYUI_COMMIT
ARG WANVIDEOWRAPPER_COMMIT
ARG SAGEATTENTION_COMMIT
ARG MODELS
ARG REVISION=unknown
ARG SOURCE=unknown
# Held equal to contract/version.py by tests/image.
ARG VERSION=0.2.0
LABEL org.opencontainers.image.title="talking-video worker" \
      org.opencontainers.image.description="One portrait and one to four voices in, the URL of a lip-synced MP4 out" \
      org.opencontainers.image.licenses="Apache-2.0 AND GPL-3.0-only" \
      org.opencontainers.image.source="${SOURCE}" \
      org.opencontainers.image.revision="${REVISION}" \
      org.opencontainers.image.version="${VERSION}" \
      models="${MODELS}" \
      comfyui.commit="${COMFYUI_COMMIT}" \
      wanvideowrapper.commit="${WANVIDEOWRAPPER_COMMIT}" \
      sageattention.commit="${SAGEATTENTION_COMMIT}"
