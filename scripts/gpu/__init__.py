"""What `scripts/gpu_bench.py` is made of."""
