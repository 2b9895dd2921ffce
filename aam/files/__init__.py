"""Reading and writing of files: whole or not at all, within limits, never more than is needed."""
