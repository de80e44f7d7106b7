// The image's targets, for `docker buildx bake`; `make image` builds one of them and proves it.
//
//   worker        models come from the volume, attention is sdpa: what a plain `docker build` makes
//   worker-sage   with SageAttention (half an hour and more, and more memory): what is released
//   with-models   the same, with the models of MODELS and BASE in it

variable "IMAGE" { default = "talking-video-worker" }
variable "VERSION" { default = "" }  // a release's: also the tags VERSION and VERSION-models
variable "REVISION" { default = "" } // the commit of this repository
variable "SOURCE" { default = "" }   // where that repository is
variable "MODELS" { default = "all" }
variable "BASE" { default = "q4_k_m" }
variable "BASE_IMAGE" { default = "" } // in place of NVIDIA's, where that cannot be pulled: docker/standin.sh
variable "DEVEL_IMAGE" { default = "" } // the same for the image with the CUDA compiler: docker/standin_devel.Dockerfile
variable "SAGE_TARGETS" { default = "" } // GPU generations to compile SageAttention for; all five where it is empty
variable "CACHE" { default = "" }      // an image of a registry that keeps the layers between two builds

target "common" {
  context    = "."
  dockerfile = "Dockerfile"
  platforms  = ["linux/amd64"]
  args = {
    CUDA_BASE = BASE_IMAGE != "" ? BASE_IMAGE : null
    CUDA_DEVEL = DEVEL_IMAGE != "" ? DEVEL_IMAGE : null
    VERSION   = VERSION != "" ? VERSION : null
    REVISION  = REVISION != "" ? REVISION : null
    SOURCE    = SOURCE != "" ? SOURCE : null
  }
  cache-from = CACHE != "" ? ["type=registry,ref=${CACHE}"] : []
  cache-to   = CACHE != "" ? ["type=registry,ref=${CACHE},mode=max"] : []
}

target "worker" {
  inherits = ["common"]
  args     = { WITH_SAGE = "0" }
  tags     = ["${IMAGE}:worker"]
}

target "worker-sage" {
  inherits = ["common"]
  args     = { WITH_SAGE = "1", SAGE_TARGETS = SAGE_TARGETS != "" ? SAGE_TARGETS : null }
  tags     = VERSION != "" ? ["${IMAGE}:${VERSION}"] : ["${IMAGE}:worker-sage"]
}

target "with-models" {
  inherits = ["worker-sage"]
  args     = { MODELS = MODELS, BASE = BASE }
  secret   = ["id=hf_token,env=HF_TOKEN"]
  tags     = VERSION != "" ? ["${IMAGE}:${VERSION}-models"] : ["${IMAGE}:with-models"]
}

group "default" { targets = ["worker"] }
