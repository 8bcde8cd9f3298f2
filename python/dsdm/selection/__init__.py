"""From scores to row numbers, and the record of how rows were chosen.

``indices`` and ``methods`` select. The others keep the record that ``dsdm.json`` has of a selection: they check it
before it is written (``record``, ``record_limits``, ``row_counts``), add what its files are known by (``provenance``,
``manifest_paths``), and select once more by it (``repeat``, within what ``trust`` allows).
"""
