"""Studies: a grid of explanations and curves, kept in a store, resumed where it was stopped."""
