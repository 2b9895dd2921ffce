"""The models: nucleotides to ASVs to samples to predictions."""
