"""QIIME 2 plugin of AAM (Attention All Microbes)."""
