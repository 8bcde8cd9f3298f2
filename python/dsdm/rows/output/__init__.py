"""An output apart from where and when it is made: its rows in their order, and all that is told of them."""
