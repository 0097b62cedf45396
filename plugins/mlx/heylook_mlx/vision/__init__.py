"""Models that see, through mlx-vlm: pictures become embeddings, and from there on a row is like any other."""
