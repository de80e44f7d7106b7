"""What stands around a job in service: its time limit and pace, its progress, second attempts, and finished videos."""
