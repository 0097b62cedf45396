"""The OpenAI dialect of heylook."""
