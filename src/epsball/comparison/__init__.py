"""Runs beside each other: which samples they share, and what differs on those."""
