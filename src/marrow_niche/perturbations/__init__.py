"""What the experimenter does: each event edits the state once, or sets going what lasts."""
