"""Prefix reuse across restarts: KV snapshots in a folder."""
