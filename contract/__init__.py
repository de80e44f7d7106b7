"""The published interface: requests in, replies and errors out. Imports no other room."""
