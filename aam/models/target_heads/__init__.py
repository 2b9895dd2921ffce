"""The targets' heads, one for each kind of target that needs its own."""

from aam.models.target_heads.classes import ClassesHead
from aam.models.target_heads.counts import CountsHead
from aam.models.target_heads.head import HEADS
from aam.models.target_heads.numbers import NumbersHead
from aam.models.target_heads.ordered import OrderedHead
from aam.models.target_heads.quantiles import QuantilesHead

HEADS.update(numbers=NumbersHead, quantiles=QuantilesHead, classes=ClassesHead, ordered=OrderedHead, counts=CountsHead)
