"""The JSON that pages read: one file for each thing that they show."""
