"""Records what a real ComfyUI says, so that the simulator and the tests can be held against it: `make facts`."""
