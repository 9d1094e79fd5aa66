"""Training pictures in tar archives, named as webdataset names them; read in any order, never unpacked.

A picture's key is its name: ``train/007.png``, ``007.input.png`` and ``007.target.png`` for a pair,
``007.a.jpg`` and ``012.b.jpg`` for two sets.
"""

from __future__ import annotations

from retouch.data.shards.member import Member
from retouch.data.shards.naming import archives
from retouch.data.shards.reading import read

__all__ = ["Member", "archives", "read"]
