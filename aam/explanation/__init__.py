"""Which microbes a prediction rests on: groups of ASVs, and the methods that measure what each does to it."""
