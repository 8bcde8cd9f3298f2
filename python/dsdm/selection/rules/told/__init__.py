"""What a saved selection tells of itself, held against its rows and its rule."""
