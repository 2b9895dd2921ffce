"""`aam benchmark`: competitors on a suite of studies, in repeated folds that keep groups whole."""
