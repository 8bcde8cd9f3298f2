"""What commands tell that choose and write nothing: of score files, and of the machine."""
