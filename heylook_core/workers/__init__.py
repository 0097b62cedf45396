"""The worker that runs one model, and the channels it is reached through: a thread or a child process."""
