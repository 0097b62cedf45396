"""Prefix reuse: KV snapshots kept in memory, found again by their tokens."""
