"""Pictures for GGUF models: llama.cpp's mtmd library, reached through ctypes. Imported when a projector is loaded."""
