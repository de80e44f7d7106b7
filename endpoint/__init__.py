"""RunPod's job API on this machine, with the real worker behind it, for one person: `python -m endpoint`."""
