"""What is wrong gets one clear message, leaves nothing half-made, and does not harm the next start."""
