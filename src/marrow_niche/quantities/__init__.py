"""Numbers with their units and sources: declared beside the physics, converted at the edge, kept in the ledger."""
