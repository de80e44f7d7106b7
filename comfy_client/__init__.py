"""ComfyUI: its process, its HTTP and WebSocket talk, and what its messages mean."""
