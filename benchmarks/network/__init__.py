"""Whether a network adds anything to a blend of forests and kernels, by which ideas, and from how many samples on."""
