"""Numbers in, a ComfyUI graph out: frame arithmetic, graph templates, the list of model files."""
