"""Inputs in, voices laid out, portrait fitted, finished frames encoded."""
