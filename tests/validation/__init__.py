"""Published results that the model is held against: a catalogue of cases, each with its criterion and its source."""
