"""The names of QIIME 2's framework, which is called rachis since 2026."""

try:
    from rachis import Metadata
    from rachis import plugin as framework
except ModuleNotFoundError:  # an earlier distribution
    from qiime2 import Metadata
    from qiime2 import plugin as framework

__all__ = ["Metadata", "framework"]
