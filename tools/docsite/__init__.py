"""The documentation site: its pages are the repository's Markdown, with pages made from the program beside them."""
