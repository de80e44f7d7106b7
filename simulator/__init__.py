"""A stand-in for ComfyUI that speaks its protocol and draws stand-in frames."""
