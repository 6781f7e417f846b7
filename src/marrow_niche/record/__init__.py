"""What a run leaves behind: tables, files ParaView opens, checkpoints, provenance, and the way back in.

The room is handed plain arrays and dicts; it knows neither the scenario's specs nor the state.
"""
