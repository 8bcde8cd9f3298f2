"""Groups of rows: which row is of which, how many of each are chosen, and the best of each.

``quotas`` says how many, ``budgets`` how many a budget has room for, ``shares`` chooses them, ``tied``
counts those that tie with others.
"""
