"""`aam explain`: which ASVs, clades and taxa the predictions of a model, of its folds or of several models rest on."""
