"""Parakeet TDT models in ONNX form for heylook."""
