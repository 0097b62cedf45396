"""From tokens to text and back: templates, prompts, UTF-8 assembly, stop strings."""
