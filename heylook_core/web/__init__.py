"""HTTP: the ASGI app, what guards it, and the process that serves it. Knows no dialect and no backend."""
