"""Whether scores by position lie in the order of the rows, by the ids that both have."""
