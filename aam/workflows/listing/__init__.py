"""`aam runs`: the runs below some folders, with how good they are."""
