"""Durable writes, atomic writes and reflinks."""
