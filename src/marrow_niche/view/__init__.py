"""What a run looks like: curves, slices, a marrow in 3D, and the report that holds them.

Importing the room loads neither matplotlib nor pyvista; they are imported when something is drawn.
"""

from marrow_niche.view.report import report, summary

__all__ = ["report", "summary"]
