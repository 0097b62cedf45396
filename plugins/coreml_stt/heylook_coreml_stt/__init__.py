"""Speech to text with Parakeet TDT models on Apple machines, through CoreML."""
