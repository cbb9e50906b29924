"""Other numbers than fp32: one module here for each kind. Each is a ``ProgramPass`` made from what the caller chose."""
