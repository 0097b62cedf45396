"""Speech: live sessions, and what speech engines have in common."""
