"""Speed and memory of streamdicom, beside other libraries and programs.

``python -m bench`` measures everything in one run, prints the tables, and writes the table of peers and the plots for
the documentation. ``python -m bench peers`` measures the peers only. Every ratio is one of times of the same run on
the same machine.
"""
