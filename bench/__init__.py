"""Speed and memory of streamdicom, beside ijson, pydicom and DCMTK.

``python -m bench`` measures everything in one run, prints one table and draws two pictures. The rival reads with
``ijson.items(file, "item")`` and ``Dataset.from_json``, and writes with ``Dataset.to_json``. Every ratio is one of
times of the same run on the same machine.
"""
