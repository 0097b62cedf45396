"""MLX text models for heylook."""
