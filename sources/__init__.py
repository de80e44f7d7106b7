"""What strangers send: addresses, data: URIs and files, brought in within limits."""
