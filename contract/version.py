"""The version of the worker: the one place where it is written by hand (docs: CONTRIBUTING.md, "A release")."""

VERSION = "0.2.0"  # semantic versioning, over the request, the reply and the settings
