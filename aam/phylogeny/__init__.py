"""Phylogenies: Newick text, trees as arrays, and the distances between samples that they define."""
