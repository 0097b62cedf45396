"""Sound files and raw samples as 16 kHz mono float32."""
