"""How rows were chosen: told in ``dsdm.json``, and looked at and done again from what is told there."""
