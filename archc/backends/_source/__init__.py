"""How a graph becomes Python text, in steps: wiring, description, merging, parameters, forward, layout."""
