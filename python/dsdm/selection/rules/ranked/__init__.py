"""Which rows are better than others: by their scores or a draw, by nearness, within quantiles, and where they tie.

``ranking`` is the engine's face that all rules go through.
"""
