"""What can go wrong, in the user's words. Everything raised on purpose derives from `MarrowError`."""


class MarrowError(Exception):
    """A mistake the user can mend; told in plain words, without a traceback."""


class UnitError(MarrowError):
    """A number whose unit is missing, unknown or of another kind than the place asks for."""


class MistakesError(MarrowError):
    """A file that cannot be used; `mistakes` lists every one of them."""

    used = "used"
    """What cannot be done with it."""

    def __init__(self, name, mistakes):
        self.name, self.mistakes = str(name), list(mistakes)
        count = f"{len(self.mistakes)} mistake" + ("s" if len(self.mistakes) != 1 else "")
        super().__init__("\n".join([f"{self.name} cannot be {self.used}; {count}:", *("  " + m for m in self.mistakes)]))


class ScenarioError(MistakesError):
    """A scenario file that cannot be simulated."""

    used = "simulated"


class GeometryError(MarrowError):
    """A mesh, a section or a voxel size from which no marrow can be made."""


class NumericsError(MarrowError):
    """An equation that has no solution as posed, or a solver that did not reach its tolerance."""


class RunError(MarrowError):
    """A run directory that exists already, is missing, or is not one of ours."""


class CountsError(MistakesError):
    """A table of measured counts that cannot be laid over a run."""

    used = "compared"


class ExportError(MistakesError):
    """An export that asks for what the run does not have."""

    used = "exported"


class StudyError(MistakesError):
    """A study file that asks for what cannot be."""

    used = "run"


class PictureError(MistakesError):
    """A picture or film that cannot be drawn as it was asked for."""

    used = "drawn"
