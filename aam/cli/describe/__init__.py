"""What `aam info` says of files that are no input of AAM: what it wrote itself, and what other programs write."""
