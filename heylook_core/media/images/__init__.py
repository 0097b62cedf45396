"""Images of requests: where they come from, what is let in, and how they become pixels."""
