"""What the card of a hub data set says of its files, where `load_dataset` follows it and not the names."""
