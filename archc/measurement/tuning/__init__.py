"""``archc tune``: the session's options that are fastest for a model on this machine."""
