"""Stores what was printed or logged: finds records in any text, and puts many of them into a table or a folder."""
