"""The laboratory: an organisation whose every line is known, to measure what the shipped rules see of it."""
