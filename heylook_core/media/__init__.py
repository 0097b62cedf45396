"""Images and sounds that requests bring, read in the server: beside the event loop, never on it."""
