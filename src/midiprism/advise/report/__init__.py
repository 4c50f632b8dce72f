"""Report on a run: strategies and plans, what to type, and the document that shows them."""
