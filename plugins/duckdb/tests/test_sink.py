"""What is stored at which level, and that nothing else is."""

from __future__ import annotations
