"""Adopting a library that another program keeps in PostgreSQL."""
