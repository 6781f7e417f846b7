"""The organ, in space: cytokines, stem cells, committed lineages, stroma and what radiation leaves behind."""
