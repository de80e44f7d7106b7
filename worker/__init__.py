"""The process: settings, log, the checks before the first job, the choice of the engine, a job without RunPod."""
