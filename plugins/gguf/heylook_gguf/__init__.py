"""GGUF models through llama.cpp, many sequences at once."""
