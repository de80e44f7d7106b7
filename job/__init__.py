"""One job from its raw input to its reply, and what stands around it: limits, pace, progress, recovery, keeping."""
