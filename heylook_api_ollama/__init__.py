"""The Ollama dialect of heylook."""
