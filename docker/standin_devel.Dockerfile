# Makes, of a stand-in for NVIDIA's base image of Debian 13 (docker/standin.sh), one for its devel image, so that
# worker-sage can be built where NVIDIA's cannot be pulled. Its CUDA is Debian's, 12.4: it knows no Blackwell (12.0).
#
#   docker build --build-arg BASE=NAME --tag NAME-devel - <docker/standin_devel.Dockerfile
#   make image TARGET=worker-sage BASE_IMAGE=NAME DEVEL_IMAGE=NAME-devel SAGE_TARGETS=8.9
ARG BASE
# hadolint ignore=DL3006
FROM ${BASE}
SHELL ["/bin/bash", "-euxo", "pipefail", "-c"]
# Unpacked, not installed: of CUDA's libraries, 4 GB, a build needs the runtime and the driver's stub. nvcc 12.4 takes
# no newer gcc than 13.
WORKDIR /debs
# hadolint ignore=DL3008
RUN sed -i 's/ main$/ main contrib non-free/' /etc/apt/sources.list; \
    apt-get update; \
    DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends g++-13; \
    apt-get download nvidia-cuda-toolkit nvidia-cuda-dev libcudart12 libcu++-dev libcub-dev libthrust-dev; \
    for deb in nvidia-cuda-toolkit libcudart12 libcu++-dev libcub-dev libthrust-dev; do dpkg-deb -x "$deb"_*.deb /; done; \
    dpkg-deb --fsys-tarfile nvidia-cuda-dev_*.deb | tar -xC / --wildcards \
      './usr/include/*' '*/x86_64-linux-gnu/libcudart.so' '*/x86_64-linux-gnu/stubs/libcuda.so'; \
    rm -r /debs/* /var/lib/apt/lists/*; \
    mkdir -p /usr/local/cuda; \
    ln -s /usr/bin /usr/local/cuda/bin; \
    ln -s /usr/include /usr/local/cuda/include; \
    ln -s /usr/lib/x86_64-linux-gnu /usr/local/cuda/lib64; \
    /usr/local/cuda/bin/nvcc --version
WORKDIR /
ENV CC=gcc-13 CXX=g++-13
