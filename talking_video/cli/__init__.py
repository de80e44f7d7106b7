"""The command `talking-video`: docs/client.md."""
