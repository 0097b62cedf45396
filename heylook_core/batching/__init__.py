"""The worker's turn: admission, order and budget of prefill, tokens to events, jobs."""
