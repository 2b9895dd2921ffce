"""Types and files of QIIME 2's own artifacts, by their names: q2-types is no package of the public index.

Artifacts that QIIME 2 wrote are read through them, as through q2-types itself.
"""
