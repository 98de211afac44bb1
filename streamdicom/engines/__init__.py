"""Sources as collections of distributed engines, over one planner.

Each module has the functions of one engine, and its extra has the same name: ``streamdicom.engines.dask``,
``streamdicom.engines.ray`` and ``streamdicom.engines.spark``.
"""
